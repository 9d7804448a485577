"""The whole journey of `launch`, in order: load, plan, preflight, build, upload, fan out and watch, merge, report.

What is found before anything is created is a UsageError, and nothing was sent. Everything after the upload ends with
control saying how.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace

from function.contract.errors import BenchctlError
from function.contract.keys import RUNS
from function.store.opening import open_store
from function.store.port import ObjectStore
from orchestrator.arrow import keep_pandas_out
from orchestrator.config.root import Config
from orchestrator.datasets.opening import open_dataset
from orchestrator.datasets.port import Dataset
from orchestrator.datasets.tokens import hub_token, open_tokenizer, tokenizer_name
from orchestrator.launch.clock import StoreClock
from orchestrator.launch.conduct import Crew, conduct
from orchestrator.launch.drive import Driven, Run
from orchestrator.launch.ending import Reported, merge_and_report, store_observed
from orchestrator.launch.fleet import Fleet, patience_for
from orchestrator.launch.interrupts import Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.locate import log_folder
from orchestrator.launch.mock import EmbeddedMock, mock_settings
from orchestrator.launch.preflight import allow_files, check_endpoint, check_root
from orchestrator.launch.prepare import Asked, Prepared, prepare
from orchestrator.launch.upload import upload
from orchestrator.launch.view import View
from orchestrator.outcome import Problem
from orchestrator.plan.build import Built, build
from orchestrator.providers.opening import open_provider
from orchestrator.providers.port import Provider
from orchestrator.voice import line_of


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
        prepared = prepare(asked)
        keep_pandas_out()
        run_id = prepared.inputs.run_id
        store = open_store(asked.root).at(f"{RUNS}{run_id}")
        with ExitStack() as held:
            mock = _mock(prepared, held)
            secrets = prepared.headers.variables
            provider = open_provider(asked.provider, store.uri, log_folder(store, run_id), secrets)
            held.callback(provider.stop_all, 0.0)
            provider.warm(prepared.outline.lanes)
            built, problems = _build(prepared, mock)
            clock = check_root(store, run_id)
            for line in (*map(line_of, problems), headline(built, store)):
                view.say(line)
            crew = _crew(built, store, clock, provider)
            run = Run(store, built.plan, built.plan_hash)
            conducted = conduct(run, crew, view, interrupts, detach=asked.detach)
            store_observed(store, conducted.observed)
            driven = conducted.driven
            left = asked.detach and not driven.aborted
            if left and mock is not None:
                mock.leave()
        if driven.failure is not None:
            raise _not_ready(driven, driven.failure, store)
        reported = None if left else merge_and_report(store, run_id, tuple(driven.ends))
    return Launched(run_id, store.uri, reported, problems, driven.aborted and driven.reason == "user")


def headline(built: Built, store: ObjectStore) -> str:
    """What is about to happen, in one line."""
    plan, outline = built.plan, built.outline
    requests = "as many requests as fit" if plan.requests is None else f"{plan.requests} requests"
    stages = f"{len(plan.stages)} stage{'s' if len(plan.stages) > 1 else ''}"
    lanes = f"{outline.lanes} lane{'s' if outline.lanes > 1 else ''}"
    slices = f" x {outline.slices} slices" if outline.slices > 1 else ""
    return (
        f"run {plan.run_id}: {requests} in {stages} from {lanes}{slices} to {plan.target['root']}, kept in {store.uri}"
    )


def _mock(prepared: Prepared, held: ExitStack) -> EmbeddedMock | None:
    if not prepared.loaded.config.server.embedded:
        return None
    terms = prepared.outline.coordination
    settings = mock_settings(prepared.loaded.config.server)
    return held.enter_context(EmbeddedMock(settings, linger_s=terms.lease_s + terms.drain_s))


def _build(prepared: Prepared, mock: EmbeddedMock | None) -> tuple[Built, tuple[Problem, ...]]:
    """Preflight of everything but the root, around the slow part: reading the data."""
    config, inputs = prepared.loaded.config, prepared.inputs
    dataset = _dataset(config, inputs.seed, prepared.outline.rows)
    root = inputs.target_root if mock is None else mock.url()
    allow_files(_streams_per_lane(config, prepared.outline.lanes))
    endpoint = check_endpoint(config, root, prepared.headers)
    built = build(config, replace(inputs, target_root=root, models=endpoint.models), dataset, prepared.outline)
    return built, (*prepared.problems, *endpoint.problems)


def _dataset(config: Config, seed: int, limit: int) -> Dataset:
    name = tokenizer_name(config)
    tokenizer = None if name is None else open_tokenizer(name, hub_token(config, os.environ))
    return open_dataset(config, seed, limit, tokenizer)


def _streams_per_lane(config: Config, lanes: int) -> int | None:
    """The most streams one lane can have open, where the config limits them."""
    users = [stage.concurrency_level for stage in config.load.stages if stage.concurrency_level]
    most = max(users, default=config.load.max_concurrency)
    return None if most is None else -(-most // lanes)


def _crew(built: Built, store: ObjectStore, clock: StoreClock, provider: Provider) -> Crew:
    """From here on the run exists: upload, then the lease on what was uploaded."""
    uploaded = upload(store, built)
    lease = Lease(store.at(""), uploaded.control, uploaded.version, built.plan.coordination.beat_s)
    fleet = Fleet(built.plan, uploaded.control.writer, clock.error_ns, patience_for(built.plan))
    return Crew(fleet, lease, provider, clock)


def _not_ready(driven: Driven, message: str, store: ObjectStore) -> NotReady:
    words = [end.detail.splitlines()[-1] for end in driven.ends.values() if end.detail]
    said = f"; a worker said: {words[0]}" if words else ""
    return NotReady(
        f"{message}{said}",
        path="fanout.ready",
        hint=f"what workers wrote lies in {store.uri}/logs; no load was sent",
    )
