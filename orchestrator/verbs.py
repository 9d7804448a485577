"""The command line as people type it: every command's words, options and help. Imports what it runs when it runs it.

A command turns words into values, calls one function of `commands/`, and returns its Outcome; nothing prints here.
click hands over every option as a parameter, so the functions here have as many as their commands have options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from orchestrator import __version__
from orchestrator.infra_verbs import infra
from orchestrator.options import (
    cloud_root_option,
    config_argument,
    duration,
    json_option,
    provider_option,
    share,
    state_option,
)
from orchestrator.outcome import Outcome
from orchestrator.run_verbs import RUN_VERBS

ProviderName = Literal["local", "aws", "gcp"]

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class InOrder(click.Group):
    """Commands in the order of a run's life, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="benchctl")
def benchctl() -> None:
    """Benchmark an LLM inference endpoint under real load, and say whether to believe the numbers.

    \b
    Examples:
      benchctl init                        write a config to start from
      benchctl plan benchctl.yaml          what would be sent, by how many, when
      benchctl launch benchctl.yaml        run it on this machine
      benchctl runs                        what ran here, and how it ended

    \b
    Exit codes:
      0    the run is VALID
      1    benchctl or the provider failed
      2    a wrong flag, config or precondition: nothing was sent
      3    DEGRADED: the results stand, with the findings listed
      4    INVALID: do not use the numbers
      5    a gate failed
      130  aborted

    RUN is a run's id below --root, or the path or URI of its folder.
    """


@benchctl.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--template", metavar="NAME", help="Which template; a wrong name lists them.")
@json_option
def init(directory: Path, template: str | None, as_json: bool) -> Outcome:
    """Write a commented config to start from.

    \b
    Examples:
      benchctl init
      benchctl init bench/ --template quickstart
    """
    from orchestrator.commands import init as command

    return command.run(directory, template or command.DEFAULT_TEMPLATE)


@benchctl.command()
@config_argument
@json_option
def validate(config: Path, assignments: tuple[str, ...], as_json: bool) -> Outcome:
    """Load CONFIG and report every problem at once. Contacts nothing.

    \b
    Example:
      benchctl validate benchctl.yaml --set load.stages.0.rate=50
    """
    from orchestrator.commands import validate as command

    return command.run(config, assignments)


@benchctl.command()
@config_argument
@provider_option
@state_option
@click.option("--detach", is_flag=True, help="As launch --detach would.")
@json_option
def plan(
    config: Path,
    assignments: tuple[str, ...],
    provider: ProviderName,
    state: str | None,
    detach: bool,
    as_json: bool,
) -> Outcome:
    """Show exactly what launch will do with CONFIG: stages, requests, lanes, sizes, cost. Sends nothing.

    On a cloud its quotas are asked for, and nothing else; before anything is provisioned the defaults are assumed.

    \b
    Examples:
      benchctl plan benchctl.yaml
      benchctl plan benchctl.yaml --set fanout.lanes=8 --json
      benchctl plan benchctl.yaml --provider aws
    """
    from orchestrator.commands import plan as command
    from orchestrator.launch.prepare import Asked

    return command.run(Asked(str(config), provider, assignments=assignments, detach=detach, state=state))


@benchctl.command()
@config_argument
@provider_option
@cloud_root_option
@state_option
@click.option("--run-id", metavar="ID", help="Name the run. Default: the time, and four random digits.")
@click.option("--detach", is_flag=True, help="Leave once all workers have their go (plans of one slice).")
@click.option("--yes", is_flag=True, help="Do not ask before a run that costs money. Without a terminal nobody can be.")
@json_option
def launch(
    config: Path,
    assignments: tuple[str, ...],
    provider: ProviderName,
    root: str | None,
    state: str | None,
    run_id: str | None,
    detach: bool,
    yes: bool,
    as_json: bool,
) -> Outcome:
    """Run CONFIG: plan, check, fan out, watch, merge, report.

    Ctrl-C aborts the run within seconds everywhere, and still reports what was measured. On a cloud everything it
    needs is checked first (see doctor), and what it will cost is asked about.

    \b
    Examples:
      benchctl launch benchctl.yaml
      benchctl launch benchctl.yaml --set fanout.lanes=4 --root /data/bench --json
      benchctl launch benchctl.yaml --provider aws --yes
    """
    from orchestrator.commands import launch as command
    from orchestrator.launch.prepare import Asked

    return command.run(Asked(str(config), provider, root, run_id, assignments, detach, state, yes))


for _command in RUN_VERBS:
    benchctl.add_command(_command)


@benchctl.command()
@click.argument("config", metavar="[CONFIG]", required=False)
@provider_option
@cloud_root_option
@state_option
@click.option("--calibrate", is_flag=True, help="Measure what a lane can do on this machine (half a minute), for plan.")
@json_option
def doctor(
    config: str | None, provider: ProviderName, root: str | None, state: str | None, calibrate: bool, as_json: bool
) -> Outcome:
    """Check everything a launch needs, and say what to change. Sends nothing to an endpoint.

    With CONFIG for that run, without one for whatever may come. On a cloud: credentials, function and package, quotas,
    failure queue, bucket, and what a worker there sees of secrets and endpoint. Exits with 2 where a launch would be
    refused.

    \b
    Examples:
      benchctl doctor
      benchctl doctor --calibrate
      benchctl doctor --root /data/bench --json
      benchctl doctor benchctl.yaml --provider aws
    """
    from orchestrator.commands import doctor as command

    return command.run(command.Asked(provider, root, state, config, calibrate))


@benchctl.command()
@provider_option
@click.option("--arch", default="arm64", show_default=True, help="What the function runs on: arm64 or x86_64.")
@click.option("--out", type=click.Path(path_type=Path), default="dist", show_default=True, help="Folder for the zip.")
@json_option
def package(provider: ProviderName, arch: str, out: Path, as_json: bool) -> Outcome:
    """Build the function's package: the same inputs give the same bytes, whatever machine builds it.

    infra up does this by itself.

    \b
    Examples:
      benchctl package --provider aws
      benchctl package --provider aws --arch x86_64 --out build/ --json
    """
    from orchestrator.commands import package as command

    return command.run(provider, arch, out)


benchctl.add_command(infra)


@benchctl.command("mock-server")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--ttft", type=duration, metavar="DURATION", help="Time to the first token: 50ms.")
@click.option("--itl", type=duration, metavar="DURATION", help="Time between tokens: 10ms.")
@click.option("--slots", type=click.IntRange(min=1), help="Answers made at once; more requests queue.")
@click.option("--model", help="Its name.")
@click.option("--seed", type=int, help="Of everything random in it.")
@click.option("--fault", "faults", type=share, multiple=True, metavar="KIND=SHARE", help="As in http_500=0.01.")
@click.option(
    "--log", type=click.Path(path_type=Path), help="Truth log: a JSON line per request, of what it really did."
)
@click.option("--log-bodies", is_flag=True, help="Keep the requests' bodies in the log too.")
@click.option("--config-json", default="{}", metavar="JSON", help="Any setting of the server, by its own names.")
@json_option
def mock_server(
    host: str,
    port: int,
    faults: tuple[tuple[str, float], ...],
    log: Path | None,
    log_bodies: bool,
    config_json: str,
    as_json: bool,
    **settings: Any,
) -> Outcome:
    """Serve the embedded model server until Ctrl-C: OpenAI's chat and completions, /v1/models, /metrics.

    \b
    Examples:
      benchctl mock-server --port 8100 --ttft 200ms --itl 20ms
      benchctl mock-server --slots 4 --fault http_500=0.05 --log truth.jsonl
    """
    from orchestrator.commands import mock_server as command

    given = {"ttft_s": settings.pop("ttft"), "itl_s": settings.pop("itl"), **settings}
    merged = command.merged_settings(given, dict(faults), config_json)
    return command.run(merged, (host, port), log, log_bodies, lambda url: click.echo(url, err=as_json))


@benchctl.command()
@json_option
def schema(as_json: bool) -> Outcome:
    """Print the config's JSON Schema, for editors and CI.

    \b
    Example:
      benchctl schema > benchctl.schema.json
    """
    from orchestrator.commands import schema as command

    return command.run()
