from __future__ import annotations

import random

import pytest

from orchestrator.metrics.finding import Finding, Scope, Severity, finding_from, ranked, verdict_of


def found(code: str, severity: Severity, stage: int | None = None) -> Finding:
    return Finding(code, severity, "m", "a", {}, Scope(stage=stage))


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [([], "VALID"), (["info"], "VALID"), (["info", "degraded"], "DEGRADED"), (["degraded", "invalid"], "INVALID")],
)
def test_the_verdict_is_the_worst_severity(severities: list[Severity], verdict: str) -> None:
    assert verdict_of(found("x", severity) for severity in severities) == verdict


def test_order_is_by_gravity_and_does_not_depend_on_what_came_first() -> None:
    some = [found("b", "info", 1), found("a", "invalid", 2), found("c", "degraded"), found("a", "degraded", 0)]
    expected = ranked(some)
    assert [one.severity for one in expected] == ["invalid", "degraded", "degraded", "info"]
    for seed in range(5):
        assert ranked(random.Random(seed).sample(some, len(some))) == expected


def test_the_form_is_the_contract() -> None:
    assert found("x", "info", 3).as_dict() == {
        "code": "x",
        "severity": "info",
        "message": "m",
        "advice": "a",
        "numbers": {},
        "scope": {"stage": 3, "lane": None, "slice": None, "from_s": None, "to_s": None},
    }


def test_a_finding_of_plan_time_is_taken_over() -> None:
    stored = {"code": "key_ignored", "severity": "info", "message": "std", "scope": {"stage": 1, "other": 2}}
    assert finding_from(stored) == Finding("key_ignored", "info", "std", "", {}, Scope(stage=1))
    assert finding_from({"code": "x", "severity": "loud"}).severity == "info"
    full = found("x", "degraded", 1)
    assert finding_from(full.as_dict()) == full
