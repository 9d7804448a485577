"""The whole journey of `launch`, in order: load, plan, preflight, build, upload, fan out and watch, merge, report.

What is found before anything is created is a UsageError, and nothing was sent. Everything after the upload ends with
control saying how. What takes long to import is imported on the way, while the first processes come up.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from function.contract.errors import BenchctlError
from function.contract.keys import RUNS
from function.store.opening import open_store
from function.store.port import ObjectStore
from orchestrator.launch.clock import StoreClock
from orchestrator.launch.conduct import Crew, conduct
from orchestrator.launch.drive import Driven, Run
from orchestrator.launch.fleet import Fleet, patience_for
from orchestrator.launch.interrupts import Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.locate import log_folder
from orchestrator.launch.mock import EmbeddedMock, mock_settings
from orchestrator.launch.preflight import allow_files, check_endpoint, check_root
from orchestrator.launch.prepare import Asked, Prepared, likely_lanes, linger_s, prepare
from orchestrator.launch.upload import upload
from orchestrator.launch.view import View
from orchestrator.outcome import Problem
from orchestrator.providers.opening import check_provider_built, open_provider
from orchestrator.providers.port import Provider
from orchestrator.voice import line_of

if TYPE_CHECKING:  # these bring numpy and pyarrow in
    from orchestrator.launch.ending import Reported
    from orchestrator.launch.making import Sketch
    from orchestrator.plan.build import Built


class NotReady(BenchctlError):
    """Too few workers became ready: no load was started."""

    code = "not_ready"


@dataclass(frozen=True, slots=True)
class Launched:
    """`reported` is None for a run that was left to itself. `problems` are warnings."""

    run_id: str
    folder: str
    reported: Reported | None
    problems: tuple[Problem, ...]
    aborted_by_user: bool = False


def launch(asked: Asked, view: View) -> Launched:
    """Raises UsageError before anything is sent, NotReady when no load could be started, Interrupted (a
    KeyboardInterrupt) before the run has begun and at a second interrupt."""
    with Interrupts() as interrupts:
        check_provider_built(asked.provider)
        prepared = prepare(asked)
        store = open_store(asked.root).at(f"{RUNS}{prepared.run_id}")
        with ExitStack() as held:
            mock = None if asked.detach else _mock(prepared, linger_s(prepared.config), held)
            provider = _provider(prepared, store, held)
            sketched = _sketch(prepared)
            if asked.detach:
                terms = sketched.outline.coordination
                mock = _mock(prepared, terms.lease_s + terms.drain_s, held)
            built, problems = _build(sketched, mock)
            clock = check_root(store, prepared.run_id)
            _announce(built, problems, store, view)
            driven = _conduct(built, store, (clock, provider), (view, interrupts), asked.detach)
            left = asked.detach and not driven.aborted
            if left and mock is not None:
                mock.leave()
        if driven.failure is not None:
            raise _not_ready(driven, driven.failure, store)
        reported = None if left else _report(store, prepared.run_id, driven)
    return Launched(prepared.run_id, store.uri, reported, problems, driven.aborted and driven.reason == "user")


def _mock(prepared: Prepared, linger: float, held: ExitStack) -> EmbeddedMock | None:
    server = prepared.config.server
    return held.enter_context(EmbeddedMock(mock_settings(server), linger)) if server.embedded else None


def _provider(prepared: Prepared, store: ObjectStore, held: ExitStack) -> Provider:
    """Its first workers come up from here on; whatever happens, none outlives this."""
    logs = log_folder(store, prepared.run_id)
    provider = open_provider(prepared.asked.provider, store.uri, logs, prepared.headers.variables)
    held.callback(provider.stop_all, 0.0)
    provider.warm(likely_lanes(prepared.config))
    return provider


def _sketch(prepared: Prepared) -> Sketch:
    from orchestrator.launch.making import sketch

    return sketch(prepared)


def _build(sketched: Sketch, mock: EmbeddedMock | None) -> tuple[Built, tuple[Problem, ...]]:
    """Preflight of everything but the root, around the slow part: reading the data."""
    from orchestrator.launch.making import make, read_data, streams_per_lane

    prepared = sketched.prepared
    dataset = read_data(sketched)
    root = sketched.inputs.target_root if mock is None else mock.url()
    allow_files(streams_per_lane(sketched))
    endpoint = check_endpoint(prepared.config, root, prepared.headers)
    return make(sketched, dataset, root, endpoint.models), (*sketched.problems, *endpoint.problems)


def _announce(built: Built, problems: tuple[Problem, ...], store: ObjectStore, view: View) -> None:
    from orchestrator.launch.making import headline

    for problem in problems:
        view.say(line_of(problem))
    view.say(headline(built, store.uri))


def _conduct(
    built: Built,
    store: ObjectStore,
    platform: tuple[StoreClock, Provider],
    hands: tuple[View, Interrupts],
    detach: bool,
) -> Driven:
    """From here on the run exists: upload, then the lease on what was uploaded, then the drive."""
    clock, provider = platform
    view, interrupts = hands
    uploaded = upload(store, built)
    lease = Lease(store.at(""), uploaded.control, uploaded.version, built.plan.coordination.beat_s)
    fleet = Fleet(built.plan, uploaded.control.writer, clock.error_ns, patience_for(built.plan))
    run = Run(store, built.plan, built.plan_hash)
    return conduct(run, Crew(fleet, lease, provider, clock), view, interrupts, detach=detach)


def _report(store: ObjectStore, run_id: str, driven: Driven) -> Reported:
    from orchestrator.launch.ending import merge_and_report

    return merge_and_report(store, run_id, tuple(driven.ends))


def _not_ready(driven: Driven, message: str, store: ObjectStore) -> NotReady:
    words = [end.detail.splitlines()[-1] for end in driven.ends.values() if end.detail]
    said = f"; a worker said: {words[0]}" if words else ""
    return NotReady(
        f"{message}{said}",
        path="fanout.ready",
        hint=f"what workers wrote lies in {store.uri}/logs; no load was sent",
    )
