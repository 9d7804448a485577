"""The whole journey of `launch`, in order: load, plan, preflight, build, upload, fan out and watch, merge, report.

What is found before anything is created is a UsageError, and nothing was sent. Everything after the upload ends with
control saying how. What takes long to import is imported on the way, while the first processes come up.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from function.contract.errors import BenchctlError, StoreError, UsageError
from function.contract.keys import RUNS
from function.store.port import ObjectStore
from orchestrator.launch.clock import StoreClock
from orchestrator.launch.conduct import Crew, conduct
from orchestrator.launch.consent import ask_consent
from orchestrator.launch.drive import Driven, Run
from orchestrator.launch.fleet import Fleet, patience_for
from orchestrator.launch.interrupts import Interrupted, Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.locate import kept, log_folder, open_root
from orchestrator.launch.mock import EmbeddedMock, mock_settings
from orchestrator.launch.preflight import allow_files, check_endpoint, check_root, unwritable
from orchestrator.launch.prepare import Asked, Prepared, likely_lanes, linger_s, prepare
from orchestrator.launch.upload import Uploaded, upload
from orchestrator.launch.view import View
from orchestrator.outcome import ABORTED, Problem
from orchestrator.providers.opening import Station, check_provider_built, open_provider
from orchestrator.providers.port import Provider

if TYPE_CHECKING:  # these bring numpy and pyarrow in
    from orchestrator.launch.ending import Reported
    from orchestrator.plan.build import Built


class NotReady(BenchctlError):
    """Too few workers became ready: no load was started."""

    code = "not_ready"


class CutShort(BenchctlError):
    """A second interrupt: everything was ended at once."""

    code = "interrupted"
    exit_code = ABORTED


class ReportFailed(BenchctlError):
    """The run is stored, and its report could not be made."""

    code = "report_failed"


@dataclass(frozen=True, slots=True)
class Launched:
    """`reported` is None for a run that was left to itself. `problems` are warnings."""

    run_id: str
    folder: str
    reported: Reported | None
    problems: tuple[Problem, ...]
    aborted_by_user: bool = False


def launch(asked: Asked, view: View) -> Launched:
    """Raises UsageError before anything is sent, NotReady when no load could be started, ReportFailed, CutShort at a
    second interrupt, Interrupted (a KeyboardInterrupt) before the run has begun."""
    with Interrupts() as interrupts:
        check_provider_built(asked.provider)
        prepared = prepare(asked)
        store = kept(open_root(prepared.root).at(f"{RUNS}{prepared.run_id}"))
        held = ExitStack()
        try:
            planned = _plan(prepared, store, held)
            ask_consent(planned.built.plan.cost, view, yes=asked.yes)
            clock = check_root(store, prepared.run_id)
            _announce(planned, store, view)
            uploaded = _upload(store, planned.built)
            return _carry_out(planned, store, (clock, uploaded), (view, interrupts), held)
        finally:
            with interrupts.held_off():
                held.close()


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything decided, nothing created: what to upload, and the processes that came up meanwhile."""

    prepared: Prepared
    built: Built
    provider: Provider
    mock: EmbeddedMock | None
    problems: tuple[Problem, ...]


def _plan(prepared: Prepared, store: ObjectStore, held: ExitStack) -> Planned:
    """Plan and preflight of everything but the root, in the order in which it costs the least time."""
    detach = prepared.asked.detach
    mock = None if detach else _mock(prepared, linger_s(prepared.config), held)
    provider = _provider(prepared, store, held)
    # numpy and pyarrow are imported here, while the first processes come up
    from orchestrator.launch.making import make, read_data, sketch, streams_per_lane

    sketched = sketch(prepared)
    provider.warm(sketched.outline.lanes)
    if detach:
        terms = sketched.outline.coordination
        mock = _mock(prepared, terms.lease_s + terms.drain_s, held)
    dataset = read_data(sketched)
    root = sketched.inputs.target_root if mock is None else mock.url()
    if prepared.cloud is None:
        allow_files(streams_per_lane(sketched))
        endpoint = check_endpoint(prepared.config, root, prepared.headers)
    else:
        from orchestrator.launch.cloud_preflight import check_cloud

        endpoint = check_cloud(sketched, prepared.cloud, root)
    built = make(sketched, dataset, root, endpoint.models)
    return Planned(prepared, built, provider, mock, (*sketched.problems, *endpoint.problems))


def _carry_out(
    planned: Planned,
    store: ObjectStore,
    begun: tuple[StoreClock, Uploaded],
    hands: tuple[View, Interrupts],
    held: ExitStack,
) -> Launched:
    """The run exists: lease, drive, end, report."""
    run_id, detach = planned.built.plan.run_id, planned.prepared.asked.detach
    try:
        driven = _conduct(planned, store, begun, hands, detach)
        left = detach and not driven.aborted
        if left and planned.mock is not None:
            planned.mock.leave()
        with hands[1].held_off():
            held.close()  # the model server need not run while the report is made
        if driven.failure is not None:
            raise _not_ready(driven, driven.failure, store, planned)
        reported = None if left else _report(store, run_id, driven)
    except Interrupted as error:
        raise CutShort(
            f"ended at once: {run_id} is stored, without a report", hint=f"benchctl merge {run_id}"
        ) from error
    by_user = driven.aborted and driven.reason == "user"
    return Launched(run_id, store.uri, reported, planned.problems, by_user)


def _mock(prepared: Prepared, linger: float, held: ExitStack) -> EmbeddedMock | None:
    server = prepared.config.server
    return held.enter_context(EmbeddedMock(mock_settings(server), linger)) if server.embedded else None


def _provider(prepared: Prepared, store: ObjectStore, held: ExitStack) -> Provider:
    """Its first workers come up from here on; whatever happens, none outlives this."""
    logs = log_folder(store, prepared.run_id)
    regions = () if prepared.cloud is None else prepared.cloud.platform.regions
    station = Station(store.uri, logs, prepared.headers.variables, regions)
    provider = open_provider(prepared.asked.provider, station)
    held.callback(provider.stop_all, 0.0)
    provider.warm(likely_lanes(prepared.config))
    return provider


def _upload(store: ObjectStore, built: Built) -> Uploaded:
    try:
        return upload(store, built)
    except StoreError as error:
        raise unwritable(store, error) from error


def _announce(planned: Planned, store: ObjectStore, view: View) -> None:
    from orchestrator.launch.making import headline

    for problem in planned.problems:
        view.say(problem.as_line())
    view.say(headline(planned.built, store.uri))


def _conduct(
    planned: Planned,
    store: ObjectStore,
    begun: tuple[StoreClock, Uploaded],
    hands: tuple[View, Interrupts],
    detach: bool,
) -> Driven:
    built, (clock, uploaded), (view, interrupts) = planned.built, begun, hands
    lease = Lease(kept(store.at("")), uploaded.control, uploaded.version, built.plan.coordination.beat_s)
    fleet = Fleet(built.plan, uploaded.control.writer, clock.error_ns, patience_for(built.plan))
    crew = Crew(fleet, lease, planned.provider, clock)
    return conduct(Run(store, built.plan, built.plan_hash), crew, view, interrupts, detach=detach)


def _report(store: ObjectStore, run_id: str, driven: Driven) -> Reported:
    from orchestrator.launch.ending import report_driven

    try:
        return report_driven(store, run_id, driven)
    except UsageError as error:  # the load was sent: whatever is in the way now is no matter of usage any more
        raise ReportFailed(error.message, path=error.path, hint=error.hint, code=error.code) from error


def _not_ready(driven: Driven, message: str, store: ObjectStore, planned: Planned) -> NotReady:
    words = [end.detail.splitlines()[-1] for end in driven.ends.values() if end.detail]
    said = f"; a worker said: {words[0]}" if words else ""
    where = f"what workers wrote lies in {store.uri}/logs"
    if planned.prepared.cloud is not None:
        where = f"benchctl logs {store.uri} shows what workers wrote"
    return NotReady(f"{message}{said}", path="fanout.ready", hint=f"{where}; no load was sent")
