from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.doubt.steady import steadiness, withheld
from orchestrator.metrics.intervals import Sureness
from orchestrator.metrics.latency import E2E, TTFT
from tests.emulators.tables import answered, view


def codes(at: np.ndarray, latency: np.ndarray | float, seconds: float, **options: object) -> set[str]:
    return {finding.code for finding in steadiness(view(answered(at, latency), seconds, **options))}  # type: ignore[arg-type]


AT = np.arange(0, 60, 0.05)


@pytest.mark.parametrize(("rise", "said"), [(0.0, False), (0.25, False), (0.29, True), (2.0, True)])
def test_trend(rise: float, said: bool) -> None:
    """It grows linearly by `rise`, so last quarter over first is (1 + 7 rise / 8) / (1 + rise / 8)."""
    assert codes(AT, 0.2 * (1 + rise * AT / 60), 60.0) == ({"trend"} if said else set())


def test_a_ramp_may_get_slower() -> None:
    ramp = np.sqrt(np.linspace(0, 1, 2000, endpoint=False)) * 60
    assert "trend" not in codes(ramp, 0.2 * (1 + ramp / 60), 60.0)
    assert "trend" in codes(ramp, 0.2 * (1 + ramp / 60), 60.0, kind="closed_time"), "a closed loop has no planned rate"


@pytest.mark.parametrize(("growing", "said"), [(0.005, False), (1.0, True)])
def test_saturated(growing: float, said: bool) -> None:
    """A queue that grows by `growing` of each second's work."""
    found = codes(AT, 0.2 + growing * AT, 60.0)
    assert ("saturated" in found) == said
    assert "saturated" not in codes(AT, 0.2 + growing * AT, 60.0, kind="closed_time")


def test_two_at_once_are_no_queue() -> None:
    at = np.arange(0, 20, 1.0)
    latency = np.full(20, 0.1)
    latency[-2:] = 1.5
    assert "saturated" not in codes(at, latency, 20.0)


@pytest.mark.parametrize(("slower", "said"), [(2.9, False), (3.2, True)])
def test_warmup_suspected(slower: float, said: bool) -> None:
    found = codes(AT, np.where(AT < 5, 0.1 * slower, 0.1), 60.0)
    assert ("warmup_suspected" in found) == said


def test_a_slow_first_request_is_no_warm_up() -> None:
    at = np.arange(0, 20, 1.0)
    assert codes(at, np.where(at < 1, 2.0, 0.1), 20.0) == set()


def test_where_it_was_slow_is_said() -> None:
    (finding,) = steadiness(view(answered(AT, np.where(AT < 5, 1.0, 0.1)), 60.0))
    assert (finding.scope.from_s, finding.scope.to_s) == (0.0, 5.0)
    assert finding.numbers["cut_s"] == 5


@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_few_requests_are_steady(n: int) -> None:
    assert codes(np.arange(n) * 0.05, 0.2, 1.0) == set()


def test_withheld_names_what_it_would_take() -> None:
    short = Sureness({50.0: (1, 2), 90.0: (1, 2), 99.0: None}, 200.0, {99.0: 27_000.0})
    (finding,) = withheld(2, {TTFT: short, E2E: short}, TTFT)
    assert finding.severity == "info"
    assert finding.scope.stage == 2
    assert finding.numbers["requests_needed"] == {"p99": 27_000.0}
    assert finding.numbers["value"] == pytest.approx(2.0)
    assert "27,000" in finding.message
    full = Sureness({50.0: (1, 2), 90.0: (1, 2), 99.0: (1, 2)}, 9000.0, {})
    assert list(withheld(2, {TTFT: full}, TTFT)) == []
    (other,) = withheld(None, {TTFT: full, E2E: short}, TTFT)
    assert other.numbers["latencies"] == {E2E: {"p99": 27_000.0}}
