from __future__ import annotations

import pytest

from function.contract.plan import Coordination
from orchestrator.plan import estimates
from orchestrator.plan.fanout import coordination
from orchestrator.plan.phases import Schedule, schedule
from tests.orchestrator.plan.planned import config


def planned(slice_s: float, **fanout: object) -> tuple[Schedule, Coordination]:
    asked = config({"stages": [{"rate": 10, "duration": 100}]}, fanout={"lanes": 3, "slice": slice_s, **fanout})
    terms = coordination(asked, "local", 2)
    return schedule(asked.load, 7, terms.slice_s), terms


@pytest.mark.parametrize(
    ("slice_s", "lead", "drain", "alive"),
    [
        (100, 5, 10, 1),  # one slice
        (50, 5, 10, 2),  # longer than lead + drain: one seam at a time
        (10, 5, 4, 2),  # begins 5 s before its boundary, the one before ends 4 s after it
        (10, 5, 12, 3),  # two that drain beside one that begins
        (10, 1, 9, 2),
    ],
)
def test_peak_concurrency_counts_what_is_alive_at_once(slice_s: float, lead: float, drain: float, alive: int) -> None:
    plan, terms = planned(slice_s, lead=lead, drain=drain)
    assert estimates.peak_concurrency(plan.phases, terms) == 3 * alive


def test_a_phase_of_fewer_users_than_lanes_counts_its_own_lanes() -> None:
    asked = config({"type": "concurrent", "stages": [{"concurrency_level": 2, "num_requests": 9}]}, fanout={"lanes": 5})
    terms = coordination(asked, "local", 8)
    assert estimates.peak_concurrency(schedule(asked.load, 7, None).phases, terms) == 2


def test_control_traffic_is_polls_progress_flushes_and_beats() -> None:
    plan, terms = planned(100)
    found = estimates.control_requests(plan.phases, terms, "local")
    workers = 3 * ((100 + 2.5 + 5) * (1 / 0.2 + 1 + 1 / 5) + 9)
    assert found == pytest.approx(workers + 100 * (1 / 5 + 3), abs=1)


def test_an_abort_is_bounded_by_a_poll_and_its_timeout() -> None:
    assert estimates.abort_bound_s(planned(100)[1]) == pytest.approx(1.2)


def test_few_requests_for_a_p99_are_named_by_stage_and_warmups_are_not() -> None:
    stages = [{"rate": 5, "duration": 60, "warmup": True}, {"rate": 1, "duration": 60}, {"rate": 50, "duration": 60}]
    asked = config({"stages": stages})
    terms = coordination(asked, "local", 2)
    hint, abort = estimates.notes(schedule(asked.load, 7, None).stages, terms)
    assert "stage 1 (60)" in hint and "2,300" in hint and "27,000 at load 0.7" in hint
    assert "abort" in abort
