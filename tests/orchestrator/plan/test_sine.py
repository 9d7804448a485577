from __future__ import annotations

import numpy as np

from orchestrator.plan.shapes import count_even, even_ns
from tests.orchestrator.plan.planned import shape


def test_whole_cycles_have_the_count_of_their_mean_rate() -> None:
    assert count_even(shape(rate=50, sine={"amplitude": 30, "period": 20}, duration=60)) == 3000


def test_every_cycle_is_solved_as_exactly_as_the_first() -> None:
    load = shape(rate=5, sine={"amplitude": 5, "period": 2}, duration=20_000)
    due = even_ns(load)
    assert due.size == 100_000
    assert abs(due[99_990:] - due[:10] - 19_998 * 10**9).max() <= 4  # ns, after ten thousand cycles


def test_the_crest_is_denser_than_the_trough_as_the_rate_says() -> None:
    due = even_ns(shape(rate=50, sine={"amplitude": 30, "period": 20}, duration=20)) / 1e9
    crest, trough = ((due >= 4) & (due < 6)).sum(), ((due >= 14) & (due < 16)).sum()
    assert abs(crest - 159.0) <= 1 and abs(trough - 41.0) <= 1  # 100 +- 600/pi x sin(pi/10)


def test_the_inverse_is_found_where_the_rate_touches_zero() -> None:
    load = shape(rate=1, sine={"amplitude": 1, "period": 1000}, duration=1000)
    n = np.linspace(999.999, 1000, 50)[:-1] - 250.0  # the trough is at 750 s
    assert np.allclose(load.expected(load.when(n)), n, atol=1e-9)
