"""What a list of checks comes to: its worst, its problems, and a refusal that has them all."""

from __future__ import annotations

import pytest

from orchestrator.checkup.check import Check, Refused, problems, refuse_failed, worst

FINE, ODD = Check("a", "ok", "fine"), Check("b", "warn", "odd", "look")
BAD, WORSE = Check("c", "fail", "bad", "mend it", "broken", "--root"), Check("d", "fail", "worse")


def test_the_worst_decides() -> None:
    assert (worst([]), worst([FINE]), worst([ODD, FINE]), worst([ODD, BAD, FINE])) == ("ok", "ok", "warn", "fail")


def test_what_is_not_ok_is_a_problem_in_order() -> None:
    found = problems([ODD, FINE, BAD])
    assert [(one.code, one.severity, one.hint) for one in found] == [
        ("preflight", "warning", "look"),
        ("broken", "error", "mend it"),
    ]


def test_a_launch_is_refused_by_the_first_that_failed_and_told_the_rest() -> None:
    assert [one.message for one in refuse_failed([FINE, ODD])] == ["odd"]
    with pytest.raises(Refused) as refused:
        refuse_failed([ODD, BAD, WORSE])
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("broken", "--root", 2)
    assert [one.message for one in refused.value.problems] == ["odd", "bad", "worse"]
