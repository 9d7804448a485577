"""`benchctl infra ...` as people type it: words, options and help of the three commands that provision a cloud.

A person is asked on the terminal, on stderr; what is said while it works goes there too. As in `verbs`, click hands
over every option as a parameter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.options import json_option, state_option
from orchestrator.outcome import Outcome

F = TypeVar("F", bound=Callable[..., Any])


def _provider_option(command: F) -> F:
    kind = click.Choice(["aws", "gcp"])
    return click.option("--provider", type=kind, required=True, help="Which cloud.")(command)


def _region_option(command: F) -> F:
    words = "As in eu-west-1; may be given several times. The first ever given is home, and holds the bucket."
    return click.option("--region", "regions", multiple=True, metavar="R", help=words)(command)


def _yes_option(command: F) -> F:
    return click.option("--yes", is_flag=True, help="Do not ask before anything is changed.")(command)


@click.group()
def infra() -> None:
    """Provision a cloud for launches, see what stands there, and take it down again.

    Terraform does the work; its state lies below --state, or in a backend of yours (docs/how-to/aws.md).
    """


@infra.command()
@_provider_option
@_region_option
@state_option
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="One of the module's variables.")
@click.option("--package", "zip_path", type=click.Path(path_type=Path), metavar="ZIP", help="Default: built now.")
@click.option("--arch", type=click.Choice(["arm64", "x86_64"]), help="What the function runs on. Default: arm64.")
@click.option("--plan-only", is_flag=True, help="Show what would be changed, and change nothing.")
@_yes_option
@json_option
def up(
    provider: str,
    regions: tuple[str, ...],
    state: str | None,
    variables: tuple[str, ...],
    zip_path: Path | None,
    arch: str | None,
    plan_only: bool,
    yes: bool,
    as_json: bool,
) -> Outcome:
    """Make what launches need: bucket, function, roles, queue, logs. Shows the plan and asks.

    Regions and variables that were given before stay as they are; a variable without a value is the default again.
    Run it again after an upgrade of benchctl: workers refuse a plan of another version.

    \b
    Examples:
      benchctl infra up --provider aws --region eu-west-1 --var allowed_targets=https://llm.example.com
      benchctl infra up --provider aws --region eu-west-1 --region us-east-1 --var max_lanes=200
      benchctl infra up --provider aws --plan-only
    """
    from orchestrator.commands import infra as command
    from orchestrator.provision.up import Wanted

    wanted = Wanted(
        provider=provider,
        state_dir=command.given_state(state),
        regions=regions,
        variables=variables,
        package=zip_path,
        arch=arch,
        plan_only=plan_only,
    )
    return command.run_up(wanted, command.speech_for(yes or plan_only, _is_terminal(), _tell, _ask, _has_color()))


@infra.command()
@_provider_option
@_region_option
@state_option
@click.option("--refresh", is_flag=True, help="Ask the cloud too, and list what differs. Changes nothing.")
@json_option
def status(provider: str, regions: tuple[str, ...], state: str | None, refresh: bool, as_json: bool) -> Outcome:
    """Show what stands, as it was last written down.

    \b
    Example:
      benchctl infra status --provider aws --refresh
    """
    from orchestrator.commands import infra as command
    from orchestrator.provision.speech import Speech

    return command.run_status(provider, command.given_state(state), regions, refresh, Speech(_tell))


@infra.command()
@_provider_option
@_region_option
@state_option
@click.option("--keep-data", is_flag=True, help="Keep the bucket with its runs, private and expiring as it is.")
@_yes_option
@json_option
def down(
    provider: str, regions: tuple[str, ...], state: str | None, keep_data: bool, yes: bool, as_json: bool
) -> Outcome:
    """Take everything down that infra up made: the bucket with all its runs too, unless --keep-data. Asks.

    Refused while a run is alive.

    \b
    Examples:
      benchctl infra down --provider aws
      benchctl infra down --provider aws --keep-data
      benchctl infra down --provider aws --region us-east-1
    """
    from orchestrator.commands import infra as command
    from orchestrator.provision.down import Unwanted

    unwanted = Unwanted(provider=provider, state_dir=command.given_state(state), regions=regions, keep_data=keep_data)
    return command.run_down(unwanted, command.speech_for(yes, _is_terminal(), _tell, _ask, _has_color()))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _ask(question: str) -> bool:
    return click.confirm(question, default=False, err=True)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _has_color() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
