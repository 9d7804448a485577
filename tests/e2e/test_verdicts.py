"""Law 6, short form: one planted case of each kind and some healthy runs, judged by the server's log.

The long form is `make verdicts` (a hundred planted cases, sixty healthy runs); its figures stand in docs/trust.md.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.planted import kinds, oracle
from tests.e2e.planted.carry_out import Outcome
from tests.e2e.planted.case import Case
from tests.e2e.planted.oracle import Bounds, expected
from tests.e2e.planted.series import Score, healthy, planted
from tests.e2e.planted.truth import Truth

SEED, AT_ONCE, HEALTHY = 0, 3, 3


def check_right(outcomes: list[Outcome]) -> None:
    wrong = [one.line() for one in outcomes if not (one.came_off and one.right_finding and one.right_verdict)]
    assert outcomes
    assert not wrong, "\n".join(wrong)


def check_valid(outcomes: list[Outcome]) -> None:
    assert outcomes
    assert all(one.verdict == "VALID" for one in outcomes), "\n".join(one.line() for one in outcomes)


def one_of_each(seed: int) -> Case:
    """Seed 100 i + s: seed s of kind i, so that different kinds run at once."""
    return dataclasses.replace(kinds.PLANTED[seed // 100 % 10](seed % 100 + seed // 1000), seed=seed)


@pytest.fixture(scope="module")
def cases() -> Score:
    return planted(one_of_each, [100 * kind + SEED for kind in range(len(kinds.PLANTED))], AT_ONCE, lambda line: None)


@pytest.mark.timeout(400)
def test_planted_trouble_gets_the_right_finding_and_the_right_verdict(
    cases: Score, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nplanted: {cases.right} of {len(cases.outcomes)} right, {cases.redrawn} redrawn, ", end="")
        print(f"{cases.repeated} repeated for interference")
    assert len({one.case.kind for one in cases.outcomes}) == len(kinds.PLANTED)
    check_right(cases.outcomes)


def test_healthy_runs_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    score = healthy(kinds.healthy, range(HEALTHY), AT_ONCE, lambda line: None)
    with capsys.disabled():
        print(f"\nhealthy: {score.valid} of {len(score.outcomes)} VALID, {score.repeated} repeated for interference")
    if any(one.interfered and one.verdict != "VALID" for one in score.outcomes):
        pytest.skip("the machine stayed too busy: the interference probe fired in the repeats as well")
    check_valid(score.outcomes)


def test_planted_a_tool_that_trusts_everything_is_caught(cases: Score) -> None:
    """One that always says VALID, one that finds but forgives, one that sees nothing: each fails on every such case."""
    for one in cases.outcomes:
        if one.expected.certain:
            for blind in (
                dataclasses.replace(one, verdict="VALID"),
                dataclasses.replace(one, found={}),
                dataclasses.replace(one, verdict="VALID", found={}),
            ):
                with pytest.raises(AssertionError):
                    check_right([blind])
    assert sum(bool(one.expected.certain) for one in cases.outcomes) >= 9


def test_planted_a_tool_that_cries_wolf_is_caught(cases: Score) -> None:
    for one in cases.outcomes:
        with pytest.raises(AssertionError):
            check_right([dataclasses.replace(one, found={**one.found, "suspended": 1})])
        with pytest.raises(AssertionError):
            check_valid([dataclasses.replace(one, verdict="DEGRADED")])


def truth(late_s: float = 0.0005, ttft_s: float = 0.2, rate: int = 20, seconds: int = 10) -> Truth:
    """Everything as planned, each send late by `late_s`."""
    case = Case("healthy", 0, rate, 1, seconds, {"ttft_s": ttft_s, "itl_s": 0.001})
    due = np.arange(case.planned) / rate
    arrived = due + late_s
    return Truth(case, due, arrived, arrived + ttft_s, arrived + ttft_s + 0.03, np.ones(due.size, bool))


def test_the_oracle_knows_what_is_clear_and_what_is_near() -> None:
    assert expected(truth()).bounds == {}
    assert expected(truth()).verdict == "VALID"
    assert expected(truth(late_s=0.05)).bounds == {"late_median": Bounds(1, 1), "late_tail": Bounds(1, 1)}
    assert expected(truth(late_s=0.4)).verdict == "INVALID"
    for near in (0.018, 0.025, 0.08, 0.12):
        assert expected(truth(late_s=near)).verdict is None
    lost = truth()
    lost.arrived[:10], lost.ok[:10] = np.nan, False
    assert expected(lost).bounds == {"sent_short": Bounds(2, 2), "requests_lost": Bounds(2, 2)}
    failed = truth()
    failed.ok[:10] = False
    assert expected(failed).bounds == {"errors": Bounds(1, 1)}
    grown = truth()
    grown.first_token[:] = grown.arrived + 0.2 * np.linspace(1, 1.6, grown.due.size)
    assert expected(grown).bounds == {"trend": Bounds(1, 1)}


def test_the_oracle_owes_nothing_to_the_code_it_judges() -> None:
    for path in Path(oracle.__file__).parent.glob("*.py"):
        assert "orchestrator.metrics" not in path.read_text(), path.name
