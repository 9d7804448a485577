"""`benchctl doctor`: looks at everything a launch needs, and says what to change. Starts no load.

What is looked at is in `checkup`; here it is chosen by provider, and shown. Exit code 2 where something failed.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from function.contract.errors import BenchctlError, UsageError
from function.contract.keys import RUNS
from orchestrator.checkup.check import Check, worst
from orchestrator.checkup.machine import clock, machine
from orchestrator.launch.calibrate import calibration
from orchestrator.launch.locate import local_folder, open_root
from orchestrator.launch.preflight import probe_clock
from orchestrator.outcome import OK, USAGE, Outcome, Problem
from orchestrator.providers.opening import check_provider_built


@dataclass(frozen=True, slots=True)
class Asked:
    """One command line. `root` None: the working folder, on a cloud the provisioned bucket. `config`: checked for this
    run; without one, for what is provisioned. `calibrate`: measures what a lane can do, with load against a server of
    our own on this machine, and keeps it for plans."""

    provider: Literal["local", "aws", "gcp"] = "local"
    root: str | None = None
    state: str | None = None
    config: str | None = None
    calibrate: bool = False


def run(asked: Asked) -> Outcome:
    """`result`: {"provider", "state", "checks": [{"name", "state", "what", "hint"}]}, with `calibrate` also
    "calibration": what its file holds. UsageError, CalibrationFailed of that alone."""
    check_provider_built(asked.provider)
    if asked.calibrate and asked.provider != "local":
        message = f"lanes on {asked.provider} are planned by what is assumed: only this machine is measured"
        raise UsageError(message, path="--calibrate", hint="set fanout.lane_ceiling instead", code="not_built")
    checks = tuple(_checks(asked))
    kept: dict[str, Any] = {}
    if asked.calibrate and worst(checks) != "fail":
        check, kept = calibration(asked.state)
        checks = (*checks, check)
    state = worst(checks)
    result = {"provider": asked.provider, "state": state, "checks": [check.as_dict() for check in checks]} | kept
    failed = [check for check in checks if check.state == "fail"]
    error = None
    if failed:
        names = ", ".join(dict.fromkeys(check.name for check in failed))
        error = Problem("preflight", f"a launch on {asked.provider} would be refused: {names}", "--provider")
    return Outcome("doctor", USAGE if failed else OK, result, _table(checks), error)


def _checks(asked: Asked) -> Iterator[Check]:
    yield from machine()
    if asked.provider == "local":
        yield from _storage(asked.root or ".")
        if asked.config is not None:
            yield from _local_run(asked, asked.config)
        return
    try:
        yield from _cloud(asked)
    except UsageError as error:  # nothing provisioned, or a config that cannot run there
        yield Check("deployment", "fail", error.message, error.hint, error.code, error.path)


def _storage(root: str) -> Iterator[Check]:
    """By writes of our own, as a launch makes them; nothing is left behind."""
    try:
        with closing(open_root(root)) as store:
            folder = local_folder(store)
            if folder is None:  # where runs lie: nowhere else need a launch be allowed to write
                with closing(store.at(f"{RUNS}doctor-{secrets.token_hex(4)}")) as run:
                    found = probe_clock(run)
            else:
                with tempfile.TemporaryDirectory(prefix=".doctor-", dir=_existing(folder)) as inside:
                    found = probe_clock(open_root(inside))
    except (BenchctlError, OSError) as error:
        hint = getattr(error, "hint", "") or "name a folder or bucket that can be written to, with --root"
        yield Check("store", "fail", f"{root}: {getattr(error, 'message', error)}", hint, "root_unwritable", "--root")
        return
    yield Check("store", "ok", f"{root} takes conditional writes")
    yield clock((found.now_ns() - time.time_ns()) / 1e9, found.error_ns / 1e9)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it: a launch makes what is missing."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())


def _local_run(asked: Asked, config: str) -> Iterator[Check]:
    """The config, and its endpoint as this machine reaches it."""
    from orchestrator.launch.making import sketch
    from orchestrator.launch.preflight import check_endpoint
    from orchestrator.launch.prepare import Asked as Launch
    from orchestrator.launch.prepare import prepare

    try:
        sketched = sketch(prepare(Launch(config, root=asked.root)))
        yield Check("config", "ok", f"{sketched.outline.lanes} lanes, {sketched.outline.shards} shards")
        root = sketched.inputs.target_root
        if root:
            endpoint = check_endpoint(sketched.prepared.config, root, sketched.prepared.headers)
            yield Check("target", "ok", f"{root} answers, asked for {endpoint.models[0]}")
    except UsageError as error:
        yield Check("config", "fail", error.message, error.hint, error.code, error.path)


def _cloud(asked: Asked) -> Iterator[Check]:
    from orchestrator.launch import cloud_preflight
    from orchestrator.providers.amazon import Amazon

    if asked.config is not None:
        from orchestrator.launch.making import sketch
        from orchestrator.launch.prepare import Asked as Launch
        from orchestrator.launch.prepare import prepare

        sketched = sketch(prepare(Launch(asked.config, asked.provider, asked.root, state=asked.state)))
        cloud, wanted = cloud_preflight.wanted_by(sketched)
    else:
        cloud, wanted = cloud_preflight.provisioned(asked.provider, asked.root, asked.state)
    yield Check(
        "deployment", "ok", f"{', '.join(region.region for region in cloud.regions)}; runs in {wanted.root_uri}"
    )
    with closing(Amazon()) as amazon:
        checks = cloud_preflight.look(amazon, cloud, wanted)
    softened = (replace(one, state="warn") if asked.config is None and _is_of_a_run(one) else one for one in checks)
    yield from softened
    if all(check.code != "aws_credentials" for check in checks):
        yield from _storage(wanted.root_uri)


def _is_of_a_run(check: Check) -> bool:
    """A failure of as many lanes as the functions take, or of a secret: which no run asked for, without a config."""
    return check.state == "fail" and check.code in ("quota", "secret_unreadable")


def _table(checks: Sequence[Check]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", "found", box=None, pad_edge=False)
    for check in checks:
        # Text: in a string `:secret:` of an ARN would become a picture.
        table.add_row(check.state, check.name, Text(check.what + (f"\n  {check.hint}" if check.hint else "")))
    return table
