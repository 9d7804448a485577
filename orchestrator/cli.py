"""The command `benchctl`: finds the command's module, runs it, prints what it returned, and ends with its exit code.

Commands return an Outcome; only this file prints. A command's module is imported when that command is asked for, so
`benchctl --help` imports nothing but click.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from function.contract.errors import BenchctlError
from orchestrator import __version__, outcome
from orchestrator.outcome import Outcome, Problem
from orchestrator.voice import speak

# name -> (module, what it does): the command itself is the module's attribute `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a commented config to start from."),
    "validate": ("validate", "Load a config and report every problem at once; contacts nothing."),
    "plan": ("plan", "Show exactly what launch will do; sends nothing."),
    "launch": ("launch", "Run a config: fan out, watch, merge, report."),
    "status": ("status", "Show how far a run is, from its store alone."),
    "attach": ("attach", "Watch a run from here, or finish one whose launch has died."),
    "abort": ("abort", "Stop a run from any machine that can write to its store."),
    "runs": ("runs", "List the runs under a root."),
    "merge": ("merge", "Merge a stored run again and write its report."),
    "report": ("report", "Write a merged run's report again, in the formats asked for."),
    "mock-server": ("mock_server", "Serve the embedded model server, to try things on."),
    "schema": ("schema", "Print the config's JSON Schema, for editors."),
}


class Lazy(click.Group):
    """The commands of the table, each imported when it is needed and no sooner."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"orchestrator.commands.{COMMANDS[name][0]}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="benchctl")
def benchctl() -> None:
    """Benchmark an LLM inference endpoint under real load, and say whether to believe the numbers.

    \b
    Examples:
      benchctl init                                      write config.yaml
      benchctl plan config.yaml                          what would be sent, by how many, when
      benchctl launch config.yaml                        run it on this machine
      benchctl launch config.yaml --set load.stages.0.rate=50 --json
      benchctl runs                                      what ran, and how it ended

    Exit codes: 0 VALID, 1 benchctl failed, 2 usage or config (nothing was sent), 3 DEGRADED, 4 INVALID,
    5 a gate failed, 130 aborted. A command's own help: benchctl COMMAND --help
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    result = run(arguments)
    if isinstance(result, int):
        return result
    return speak(result, as_json=_wants_json(arguments))


def run(arguments: list[str]) -> Outcome | int:
    """The command line's outcome, errors included; an exit code where click has printed what was asked (--help)."""
    name = next((word for word in arguments if word in COMMANDS), "")
    try:
        value = benchctl.main(arguments, prog_name="benchctl", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        return Outcome(name, outcome.USAGE, human=error.format_message())
    except click.UsageError as error:
        return _failed(name, _usage(error), outcome.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _failed(name, Problem("interrupted", "interrupted before anything was sent"), outcome.ABORTED)
    except click.ClickException as error:
        return _failed(name, Problem("usage", error.format_message()), outcome.USAGE)
    except BenchctlError as error:
        problems: tuple[Problem, ...] = getattr(error, "problems", ())
        return _failed(name, Problem(error.code, error.message, error.path, error.hint), error.exit_code, problems)
    except Exception as error:  # noqa: BLE001  the one place that turns what nobody foresaw into one line and exit 1
        return _unforeseen(name, error)
    return value if isinstance(value, Outcome | int) else outcome.OK


def _wants_json(arguments: list[str]) -> bool:
    """Also where the command line itself is wrong, so that scripts always get the envelope they asked for."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def _usage(error: click.UsageError) -> Problem:
    where = error.param.opts[0] if isinstance(error, click.BadParameter) and error.param is not None else ""
    name = error.ctx.command_path if error.ctx is not None else "benchctl"
    return Problem("usage", error.format_message().rstrip("."), where, f"see {name} --help")


def _unforeseen(name: str, error: Exception) -> Outcome:
    if os.environ.get("BENCHCTL_DEBUG"):
        raise error
    hint = "this is a fault of benchctl; set BENCHCTL_DEBUG=1 to see where"
    return _failed(name, Problem("internal", f"{type(error).__name__}: {error}", hint=hint), outcome.FAILED)


def _failed(name: str, error: Problem, exit_code: int, problems: tuple[Problem, ...] = ()) -> Outcome:
    return Outcome(name, exit_code, error=error, problems=problems)
