"""What is done with a run that is stored, as people type it: words, options and help. Imports what it runs then.

All but `runs` take RUN: a run's id below --root, or the path or URI of its folder.
"""

from __future__ import annotations

import click

from orchestrator.options import json_option, root_option, run_argument
from orchestrator.outcome import Outcome


@click.command()
@run_argument
@json_option
def status(run: str, root: str | None, as_json: bool) -> Outcome:
    """Show how far RUN is, from its store alone.

    \b
    Example:
      benchctl status 20261125-103000-ab12 --root /data/bench
    """
    from orchestrator.commands import status as command

    return command.run(run, root)


@click.command()
@run_argument
@json_option
def attach(run: str, root: str | None, as_json: bool) -> Outcome:
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


@click.command()
@run_argument
@click.option(
    "--stop-function",
    is_flag=True,
    help="On aws, also let the function start nothing more, for any run, until infra up.",
)
@json_option
def abort(run: str, root: str | None, stop_function: bool, as_json: bool) -> Outcome:
    """Stop RUN, from any machine that can write to its store.

    Workers stop within about two seconds; what they have measured is kept, and merged by the run's launch or by
    benchctl merge.

    \b
    Examples:
      benchctl abort 20261125-103000-ab12 --root /data/bench
      benchctl abort s3://bucket/runs/20261125-103000-ab12
    """
    from orchestrator.commands import abort as command

    return command.run(run, root, stop_function)


@click.command()
@run_argument
@click.option("--shard", metavar="ID", help="Of this shard, whether it failed or not: <phase>-<lane>-<slice>.")
@json_option
def logs(run: str, root: str | None, shard: str | None, as_json: bool) -> Outcome:
    """Show what the workers of RUN's failed shards wrote, from the platform's logs.

    \b
    Examples:
      benchctl logs 20261125-103000-ab12
      benchctl logs s3://bucket/runs/20261125-103000-ab12 --shard 0-3-0
    """
    from orchestrator.commands import logs as command

    return command.run(run, root, shard)


@click.command()
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


@click.command()
@run_argument
@json_option
def merge(run: str, root: str | None, as_json: bool) -> Outcome:
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


@click.command()
@run_argument
@click.option("--format", "formats", metavar="A,B", help="json, parquet, html, inference-perf. Default: all.")
@json_option
def report(run: str, root: str | None, formats: str | None, as_json: bool) -> Outcome:
    """Write RUN's report again, in the formats asked for. Exits with the run's verdict.

    \b
    Example:
      benchctl report 20261125-103000-ab12 --format html,parquet
    """
    from orchestrator.arrow import keep_pandas_out

    keep_pandas_out()
    from orchestrator.commands import report as command

    return command.run(run, root) if formats is None else command.run(run, root, formats)


RUN_VERBS: tuple[click.Command, ...] = (status, attach, abort, logs, runs, merge, report)
