from __future__ import annotations

import msgspec
import pytest

from function.contract.observed import Observed
from function.contract.receipt import Counts, Health, Receipt
from orchestrator.metrics.doubt.client import client
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding
from tests.emulators.stored_run import HEALTH, T0, Truth

MS = 1_000_000


def shard(lane: int, health: Health | None = HEALTH, offset_ns: int = 0, error_ns: int = 0) -> ShardFacts:
    name = f"0-{lane}-0"
    receipt = Receipt(name, 0, "n", "complete", (), 0, Counts(), None, None, offset_ns, error_ns, health, T0)
    return ShardFacts(name, 0, "complete", receipt)


def bent(**changes: object) -> Health:
    return msgspec.structs.replace(HEALTH, **changes)


def found(
    *shards: ShardFacts, base_s: float | None = 0.2, weights: dict[str, float] | None = None, **facts: object
) -> dict[str, Finding]:
    run = RunFacts(Truth().plan(), shards, T0, (0,), **facts)  # type: ignore[arg-type]
    shares = weights if weights is not None else {one.shard: 1 / len(shards) for one in shards}
    return {finding.code: finding for finding in client(run, shares, base_s)}


def test_healthy_workers_say_nothing() -> None:
    assert found(shard(0), shard(1)) == {}
    assert found(shard(0, None)) == {}


@pytest.mark.parametrize(("lag_ms", "severity"), [(19, None), (21, "degraded"), (99, "degraded"), (101, "invalid")])
def test_loop_lag(lag_ms: float, severity: str | None) -> None:
    """TTFT p50 is 200 ms: limits of 20 and 100 ms."""
    finding = found(shard(0, bent(loop_lag_p99_ns=round(lag_ms * MS)))).get("loop_lag")
    assert (finding.severity if finding else None) == severity


def test_loop_lag_has_a_floor_and_kernel_stamps_do_not_care() -> None:
    assert found(shard(0, bent(loop_lag_p99_ns=4 * MS)), base_s=0.002) == {}
    assert found(shard(0, bent(loop_lag_p99_ns=900 * MS, kernel_stamps=True))) == {}
    assert found(shard(0, bent(loop_lag_p99_ns=900 * MS)), base_s=None) == {}


def test_a_single_lagging_lane_is_named_and_weighs_what_it_sent() -> None:
    lagging = shard(7, bent(loop_lag_p99_ns=900 * MS))
    finding = found(shard(0), lagging, weights={"0-0-0": 0.995, "0-7-0": 0.005})["loop_lag"]
    assert (finding.severity, finding.scope.lane) == ("degraded", 7)
    assert found(shard(0), lagging, weights={"0-0-0": 0.5, "0-7-0": 0.5})["loop_lag"].severity == "invalid"


@pytest.mark.parametrize(
    ("offset_ms", "error_ms", "said"),
    [(0, 500, False), (19, 1, False), (21, 1, True), (21, 22, False), (-2000, 3, True)],
)
def test_clock_error(offset_ms: int, error_ms: int, said: bool) -> None:
    codes = found(shard(3, offset_ns=offset_ms * MS, error_ns=error_ms * MS))
    assert ("clock_error" in codes) == said
    if said:
        assert codes["clock_error"].severity == "degraded"
        assert codes["clock_error"].numbers["value"] == abs(offset_ms) / 1e3


@pytest.mark.parametrize(("slept_ms", "said"), [(0, False), (90, False), (110, True)])
def test_suspended_worker_and_orchestrator(slept_ms: int, said: bool) -> None:
    assert ("suspended" in found(shard(0, bent(suspended_ns=slept_ms * MS)))) == said
    observed = Observed(T0, T0, suspended_ns=slept_ms * MS)
    assert ("suspended" in found(shard(0), observed=observed)) == said


@pytest.mark.parametrize(
    ("code", "below", "above"),
    [
        ("cpu_saturated", {"cpu_p95": 0.9}, {"cpu_p95": 0.91}),
        ("cold_start", {"cold_start_ns": 5000 * MS}, {"cold_start_ns": 5001 * MS}),
        ("clock_step", {"clock_steps": 0}, {"clock_steps": 1}),
    ],
)
def test_causes_are_information(code: str, below: dict[str, object], above: dict[str, object]) -> None:
    assert found(shard(0, bent(**below))) == {}
    finding = found(shard(0), shard(4, bent(**above)))[code]
    assert (finding.severity, finding.scope.lane) == ("info", 4)
