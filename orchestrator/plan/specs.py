"""A shard's spec: all that one worker needs besides its workload part. Everything in it is decided elsewhere."""

from __future__ import annotations

from typing import Literal

from function.contract import codec
from function.contract.plan import StagePlan
from function.contract.spec import ShardSpec, StageWindow
from orchestrator.config.data import Data
from orchestrator.config.root import Config
from orchestrator.plan.exact import fraction, whole_ns
from orchestrator.plan.fanout import progress_s, ready_wait_s
from orchestrator.plan.inputs import PlanInputs
from orchestrator.plan.outline import Outline
from orchestrator.plan.partition import share
from orchestrator.plan.phases import Phase
from orchestrator.plan.target import target
from orchestrator.plan.workload import Part


class Specs:
    """Makes the specs of one plan; what they have in common is made once."""

    def __init__(self, config: Config, inputs: PlanInputs, outlined: Outline) -> None:
        self._inputs = inputs
        self._terms = outlined.coordination
        self._cap = config.load.max_concurrency
        self._target = target(config, inputs.target_root, inputs.secret_refs, inputs.allowed)
        self._history = _history(config.data)
        self._windows = {stage.index: _window(stage) for stage in outlined.stages}

    def encode(self, part: Part, plan_hash: str) -> bytes:
        return codec.encode(self._spec(part, plan_hash))

    def _spec(self, part: Part, plan_hash: str) -> ShardSpec:
        terms, inputs, phase, own = self._terms, self._inputs, part.phase, part.share
        cut = phase.slices[own.slice]
        return ShardSpec(
            run_id=inputs.run_id,
            shard=part.shard,
            phase=phase.index,
            lane=own.lane,
            slice=own.slice,
            lanes=part.lanes,
            plan_hash=plan_hash,
            code_version=inputs.code_version,
            kind=phase.kind,
            requests=own.rows,
            workload_sha256=part.sha256,
            texts=part.texts,
            models=inputs.models,
            target=self._target,
            stages=tuple(self._windows[index] for index in phase.stages),
            slice_start_ns=cut.start_ns,
            slice_end_ns=cut.end_ns,
            users=None if phase.users is None else share(phase.users, own.lane, part.lanes),
            cap=None if self._cap is None else share(self._cap, own.lane, part.lanes),
            backlog_s=self._backlog_s(phase, own.slice),
            next_index=part.first_k,
            index_stride=part.lanes,
            index_limit=_index_limit(phase, own.slice),
            lease_s=terms.lease_s,
            poll_s=terms.poll_s,
            poll_wait_s=terms.poll_wait_s,
            ready_wait_s=ready_wait_s(terms, phase.plan(), own.slice),
            max_lateness_s=terms.max_lateness_s,
            drain_s=terms.drain_s,
            flush_s=terms.flush_s,
            progress_s=progress_s(terms, inputs.provider),
            history=self._history,
        )

    def _backlog_s(self, phase: Phase, slice_: int) -> float:
        """How long arrivals that wait for the cap at the slice's end may still be sent.

        At a seam the next slice's lane takes its share of the cap, and a function's time is short: the drain less one
        whole request. Locally the last slice has neither behind it, and waits for places through a drain of its own.
        """
        drain_s = self._terms.drain_s
        if self._inputs.provider == "local" and slice_ == len(phase.slices) - 1:
            return drain_s
        timeout_s = self._target.timeouts.total_s
        return 0.0 if timeout_s is None else max(0.0, drain_s - timeout_s)


def _history(data: Data) -> Literal["received", "recorded"] | None:
    if not data.enable_multi_turn_chat:
        return None
    return "recorded" if data.disable_output_substitution else "received"


def _window(stage: StagePlan) -> StageWindow:
    start_s = fraction(stage.start_s)
    end_s = None if stage.duration_s is None else start_s + fraction(stage.duration_s)
    return StageWindow(stage.index, whole_ns(start_s), None if end_s is None else whole_ns(end_s))


def _index_limit(phase: Phase, slice_: int) -> int | None:
    return None if phase.block is None else phase.first_ks[slice_] + phase.block
