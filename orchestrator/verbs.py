"""The command line as people type it: every command's words, options and help. Imports what it runs when it runs it.

A command turns words into values, calls one function of `commands/`, and returns its Outcome; nothing prints here.
click hands over every option as a parameter, so the functions here have as many as their commands have options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from orchestrator import __version__
from orchestrator.options import (
    config_argument,
    duration,
    json_option,
    provider_option,
    root_option,
    run_argument,
    share,
)
from orchestrator.outcome import Outcome

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
@click.option("--detach", is_flag=True, help="As launch --detach would.")
@json_option
def plan(config: Path, assignments: tuple[str, ...], provider: ProviderName, detach: bool, as_json: bool) -> Outcome:
    """Show exactly what launch will do with CONFIG: stages, requests, lanes, sizes. Sends nothing.

    \b
    Examples:
      benchctl plan benchctl.yaml
      benchctl plan benchctl.yaml --set fanout.lanes=8 --json
    """
    from orchestrator.commands import plan as command
    from orchestrator.launch.prepare import Asked

    return command.run(Asked(str(config), provider, assignments=assignments, detach=detach))


@benchctl.command()
@config_argument
@provider_option
@root_option
@click.option("--run-id", metavar="ID", help="Name the run. Default: the time, and four random digits.")
@click.option("--detach", is_flag=True, help="Leave once all workers have their go (plans of one slice).")
@click.option("--yes", is_flag=True, help="Do not ask before a run that costs money.")
@json_option
def launch(
    config: Path,
    assignments: tuple[str, ...],
    provider: ProviderName,
    root: str,
    run_id: str | None,
    detach: bool,
    yes: bool,
    as_json: bool,
) -> Outcome:
    """Run CONFIG: plan, check, fan out, watch, merge, report.

    Ctrl-C aborts the run within seconds everywhere, and still reports what was measured.

    \b
    Examples:
      benchctl launch benchctl.yaml
      benchctl launch benchctl.yaml --set fanout.lanes=4 --root /data/bench --json
    """
    from orchestrator.commands import launch as command
    from orchestrator.launch.prepare import Asked

    return command.run(Asked(str(config), provider, root, run_id, assignments, detach))


@benchctl.command()
@run_argument
@json_option
def status(run: str, root: str, as_json: bool) -> Outcome:
    """Show how far RUN is, from its store alone.

    \b
    Example:
      benchctl status 20261125-103000-ab12 --root /data/bench
    """
    from orchestrator.commands import status as command

    return command.run(run, root)


@benchctl.command()
@run_argument
@json_option
def attach(run: str, root: str, as_json: bool) -> Outcome:
    """Watch RUN from here; finish it where its launch has died.

    While its launch lives this only watches, and Ctrl-C leaves the run alone. Exits with the run's verdict.

    \b
    Example:
      benchctl attach 20261125-103000-ab12
    """
    from orchestrator.arrow import keep_pandas_out

    keep_pandas_out()
    from orchestrator.commands import attach as command

    return command.run(run, root)


@benchctl.command()
@run_argument
@json_option
def abort(run: str, root: str, as_json: bool) -> Outcome:
    """Stop RUN, from any machine that can write to its store.

    Workers stop within about two seconds; what they have measured is kept, and merged by the run's launch or by
    benchctl merge.

    \b
    Example:
      benchctl abort 20261125-103000-ab12 --root /data/bench
    """
    from orchestrator.commands import abort as command

    return command.run(run, root)


@benchctl.command()
@root_option
@json_option
def runs(root: str, as_json: bool) -> Outcome:
    """List the runs under --root: when, how much, and how they ended.

    \b
    Example:
      benchctl runs --root /data/bench
    """
    from orchestrator.commands import runs as command

    return command.run(root)


@benchctl.command()
@run_argument
@json_option
def merge(run: str, root: str, as_json: bool) -> Outcome:
    """Merge RUN again from its stored parts, and write its report. Exits with the run's verdict.

    Refused while somebody still carries the run on; what nobody carries on any more is ended first.

    \b
    Examples:
      benchctl merge 20261125-103000-ab12
      benchctl merge /archive/20261125-103000-ab12
    """
    from orchestrator.arrow import keep_pandas_out

    keep_pandas_out()
    from orchestrator.commands import merge as command

    return command.run(run, root)


@benchctl.command()
@run_argument
@click.option("--format", "formats", metavar="A,B", help="json, parquet, html, inference-perf. Default: all.")
@json_option
def report(run: str, root: str, formats: str | None, as_json: bool) -> Outcome:
    """Write RUN's report again, in the formats asked for. Exits with the run's verdict.

    \b
    Example:
      benchctl report 20261125-103000-ab12 --format html,parquet
    """
    from orchestrator.arrow import keep_pandas_out

    keep_pandas_out()
    from orchestrator.commands import report as command

    return command.run(run, root) if formats is None else command.run(run, root, formats)


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
