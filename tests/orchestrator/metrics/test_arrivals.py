from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.arrivals import Arrivals, arrivals_of
from tests.emulators.tables import ns


def test_a_metronome() -> None:
    found = arrivals_of(ns(np.arange(0, 100, 0.05)))
    assert found.gap_cv == pytest.approx(0, abs=1e-6)
    assert found.dispersion == pytest.approx(0, abs=0.02)


def test_poisson_arrivals() -> None:
    rng = np.random.default_rng(1)
    found = arrivals_of(ns(rng.exponential(0.05, 20_000).cumsum()))
    assert found.gap_cv == pytest.approx(1, abs=0.03)
    assert found.dispersion == pytest.approx(1, abs=0.1)
    assert found.lag1 == pytest.approx(0, abs=0.03)


def test_bursts_show_in_the_dispersion() -> None:
    rng = np.random.default_rng(1)
    bursts = np.repeat(rng.exponential(1.0, 500).cumsum(), 20) + rng.random(10_000) * 1e-3
    found = arrivals_of(ns(bursts))
    assert found.dispersion is not None
    assert found.dispersion > 5


def test_alternating_gaps_show_in_lag1() -> None:
    found = arrivals_of(ns(np.tile([0.1, 0.3], 500).cumsum()))
    assert found.lag1 == pytest.approx(-1, abs=0.01)


@pytest.mark.parametrize("sent", [[], [1.0], [1.0, 2.0, 3.0], [5.0] * 10])
def test_too_few_or_all_at_once_describe_nothing(sent: list[float]) -> None:
    assert arrivals_of(ns(sent)) == Arrivals()


def test_the_order_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    sent = ns(rng.exponential(0.05, 500).cumsum())
    assert arrivals_of(rng.permutation(sent)) == arrivals_of(sent)
