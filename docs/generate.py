"""Writes the reference pages that come from the code: `python docs/generate.py`. A test holds them to it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from orchestrator.config.reference import markdown  # noqa: E402
from orchestrator.verbs import benchctl  # noqa: E402

WIDTH = 100


def commands_page() -> str:
    """Every command's own --help, in the order the program lists them."""
    top = click.Context(benchctl, info_name="benchctl", terminal_width=WIDTH, **benchctl.context_settings)
    blocks = [
        "# Commands\n\nGenerated from the program (`python docs/generate.py`).\n",
        _block("benchctl", benchctl, top),
    ]
    for name in benchctl.list_commands(top):
        command = benchctl.get_command(top, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=top, terminal_width=WIDTH)
        blocks.append(_block(f"benchctl {name}", command, inner))
        if isinstance(command, click.Group):
            blocks += _inner_blocks(f"benchctl {name}", command, inner)
    return "\n".join(blocks)


def _inner_blocks(title: str, group: click.Group, context: click.Context) -> list[str]:
    found = []
    for name, command in group.commands.items():
        inner = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH)
        found.append(_block(f"{title} {name}", command, inner))
    return found


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


PAGES = {"commands.md": commands_page, "config.md": markdown}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (DOCS / "reference" / page).write_text(make())
