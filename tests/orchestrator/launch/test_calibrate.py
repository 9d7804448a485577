from __future__ import annotations

import msgspec
import pytest

from function.contract.receipt import Counts, HealthSecond, Receipt
from orchestrator.launch.calibrate import CalibrationFailed, Trial, cost_of
from tests.emulators.stored_run import HEALTH, T0

TRIAL = Trial(True, 100.0, 8.0)


def receipt(*seconds: tuple[float, float, int]) -> Receipt:
    """(at_s, share of a core, requests sent)"""
    told = tuple(HealthSecond(at_s, cpu, 0, 0, 0, sent) for at_s, cpu, sent in seconds)
    health = msgspec.structs.replace(HEALTH, seconds=told)
    return Receipt("0-0-0", 0, "n", "complete", (), 0, Counts(), None, None, 0, 0, health, T0)


def test_the_cost_of_a_request_is_the_median_over_whole_seconds_of_load() -> None:
    seconds = [(at_s + 0.3, 0.2, 100) for at_s in range(10)]
    assert cost_of(receipt(*seconds), TRIAL) == pytest.approx(0.002)


def test_seconds_before_the_first_answers_end_and_after_the_load_do_not_count() -> None:
    seconds = [(at_s + 0.3, 0.9 if at_s < 1 or at_s > 7 else 0.2, 100) for at_s in range(10)]
    assert cost_of(receipt(*seconds), TRIAL) == pytest.approx(0.002)


def test_one_disturbed_second_does_not_move_it() -> None:
    seconds = [(at_s + 0.3, 0.9 if at_s == 4 else 0.2, 100) for at_s in range(10)]
    assert cost_of(receipt(*seconds), TRIAL) == pytest.approx(0.002)


def test_seconds_are_as_long_as_they_were() -> None:
    seconds = [(at_s * 1.25, 0.2, 100) for at_s in range(10)]
    assert cost_of(receipt(*seconds), TRIAL) == pytest.approx(0.0025)


def test_too_few_seconds_tell_nothing() -> None:
    with pytest.raises(CalibrationFailed):
        cost_of(receipt((0.0, 0.2, 100), (1.0, 0.2, 100), (2.0, 0.2, 100)), TRIAL)
