"""Decisions are pure functions of seed and key, with the rates asked for."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.config import Faults
from orchestrator.mockserver.draw import FAULT_NAMES, exponential, fault_for, uniform

keys = st.text(min_size=1, max_size=30)


@given(st.integers(), keys)
def test_a_rate_of_one_hits_all_and_of_zero_none(seed: int, key: str) -> None:
    assert fault_for(Faults(), seed, key) is None
    for name in FAULT_NAMES:
        assert fault_for(Faults(**{name: 1.0}), seed, key) == name


@given(st.integers(), keys)
def test_a_draw_repeats(seed: int, key: str) -> None:
    faults = Faults(cut=0.3, stall=0.3, http_500=0.3)
    assert fault_for(faults, seed, key) == fault_for(faults, seed, key)
    assert 0.0 <= uniform(seed, key, "x") < 1.0


def test_each_fault_has_its_rate_and_seeds_differ() -> None:
    faults, count = Faults(http_500=0.1, cut=0.2, zombie=0.05), 4000
    hits = [fault_for(faults, 1, f"run-{k}") for k in range(count)]
    for name, rate in (("http_500", 0.1), ("cut", 0.2), ("zombie", 0.05), (None, 0.65)):
        assert abs(hits.count(name) / count - rate) < 0.03
    assert hits != [fault_for(faults, 2, f"run-{k}") for k in range(count)]


def test_raising_one_rate_does_not_reshuffle_the_others_draws() -> None:
    some = [fault_for(Faults(http_500=0.2), 1, str(k)) for k in range(500)]
    more = [fault_for(Faults(http_500=0.3), 1, str(k)) for k in range(500)]
    assert all(after == "http_500" for before, after in zip(some, more) if before == "http_500")


def test_purposes_are_independent() -> None:
    pairs = [(uniform(1, str(k), "fault"), uniform(1, str(k), "ttft")) for k in range(2000)]
    assert abs(statistics.correlation(*zip(*pairs))) < 0.1


def test_the_exponential_has_mean_and_deviation_one() -> None:
    values = [exponential(3, str(k), "ttft") for k in range(5000)]
    assert abs(statistics.mean(values) - 1) < 0.06
    assert abs(statistics.stdev(values) - 1) < 0.1
    assert min(values) >= 0
