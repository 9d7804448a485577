from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.arithmetic import cos_turns, exp, log, sin_turns
from orchestrator.draws import Stream

U = Stream(1, "arithmetic").uniforms(0, 50_000)


def test_log_is_right_to_the_last_bits_over_sixty_orders_of_magnitude() -> None:
    x = U * 10.0 ** (60 * Stream(2, "size").uniforms(0, U.size) - 30)
    assert np.allclose(log(x), np.log(x), rtol=4e-16, atol=1e-16)


def test_exp_is_right_to_the_last_bits_and_zero_where_it_underflows() -> None:
    x = 700 * U - 690
    assert np.allclose(exp(x), np.exp(x), rtol=1e-13)
    assert exp(np.array([-1e6]))[0] == 0.0


def test_turns_are_right_and_exact_at_the_quarters() -> None:
    assert np.allclose(cos_turns(U * 9 - 4), np.cos(2 * math.pi * (U * 9 - 4)), atol=1e-13)
    assert np.allclose(sin_turns(U), np.sin(2 * math.pi * U), atol=1e-14)
    assert cos_turns(np.array([0.0, 0.25, 0.5, 0.75, 1.0])).tolist() == pytest.approx([1, 0, -1, 0, 1], abs=1e-16)


def test_bits_are_pinned_so_that_plans_are_the_same_on_every_machine() -> None:
    x = np.array([0.3, 0.7, 1e-9])
    assert [value.hex() for value in log(x).tolist()] == [
        "-0x1.34378fcbda721p+0",
        "-0x1.6d3c324e13f4fp-2",
        "-0x1.4b927f32bffb8p+4",
    ]
