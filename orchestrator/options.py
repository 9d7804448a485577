"""Options that several commands share, and the types of what people type there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def duration(text: str) -> float:
    """Seconds, written as in a config."""
    from pydantic import TypeAdapter, ValidationError

    from orchestrator.config.quantity import Seconds

    try:
        return TypeAdapter[float](Seconds).validate_python(text)
    except ValidationError:
        raise ValueError(f"{text!r} is not a duration: 0.05, 50ms, 2s") from None


def share(text: str) -> tuple[str, float]:
    """`KIND=SHARE`."""
    kind, _, value = text.partition("=")
    return kind, float(value)


def json_option(command: F) -> F:
    words = "Print one JSON value on stdout: the result, or the error."
    return click.option("--json", "as_json", is_flag=True, help=words)(command)


def config_argument(command: F) -> F:
    words = "Set one key, as in load.stages.0.rate=50. May be given several times."
    command = click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help=words)(command)
    return click.argument("config", type=click.Path(path_type=Path))(command)


def provider_option(command: F) -> F:
    kind = click.Choice(["local", "aws", "gcp"])
    return click.option("--provider", type=kind, default="local", show_default=True, help="Where workers run.")(command)


def root_option(command: F) -> F:
    words = "Folder or URI that holds runs/."
    return click.option("--root", default=".", show_default=True, metavar="URI", help=words)(command)


def cloud_root_option(command: F) -> F:
    words = "Folder or URI that holds runs/. Default: the working folder, on a cloud the provisioned bucket."
    return click.option("--root", metavar="URI", help=words)(command)


def state_option(command: F) -> F:
    words = "Folder of infra up's state. Default: BENCHCTL_STATE, else .benchctl."
    return click.option("--state", metavar="DIR", help=words)(command)


def run_argument(command: F) -> F:
    words = "Folder or URI that holds runs/. Default: the working folder, then the provisioned buckets."
    return click.argument("run")(click.option("--root", metavar="URI", help=words)(command))
