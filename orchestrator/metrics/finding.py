"""A finding: one doubt about a run, as data. And the verdict: the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "degraded", "invalid"]
Verdict = Literal["VALID", "DEGRADED", "INVALID"]

_RANK: dict[str, int] = {"info": 0, "degraded": 1, "invalid": 2}
_VERDICTS: tuple[Verdict, ...] = ("VALID", "DEGRADED", "INVALID")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where it was seen; None: everywhere. Times in s since the run's t0."""

    stage: int | None = None
    lane: int | None = None
    slice: int | None = None
    from_s: float | None = None
    to_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """`numbers` holds at least `value` and `threshold` where the finding rests on a comparison."""

    code: str
    severity: Severity
    message: str
    advice: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope = Scope()

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "numbers": dict(self.numbers),
            "scope": asdict(self.scope),
        }


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    return _VERDICTS[max((_RANK[finding.severity] for finding in findings), default=0)]


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Gravest first; then by stage (whole run first), code and lane, so that equal runs give equal lists."""

    def rank(finding: Finding) -> tuple[int, int, str, int, int]:
        scope = finding.scope
        places = [-1 if place is None else place for place in (scope.stage, scope.lane, scope.slice)]
        return -_RANK[finding.severity], places[0], finding.code, places[1], places[2]

    return tuple(sorted(findings, key=rank))


def finding_from(stored: Mapping[str, Any]) -> Finding:
    """A finding made at plan time, as plan.json holds it; what is missing is left empty."""
    known = {key: value for key, value in dict(stored.get("scope") or {}).items() if key in Scope.__dataclass_fields__}
    severity = stored.get("severity", "info")
    return Finding(
        code=str(stored.get("code", "")),
        severity=severity if severity in _RANK else "info",
        message=str(stored.get("message", "")),
        advice=str(stored.get("advice", "")),
        numbers=dict(stored.get("numbers") or {}),
        scope=Scope(**known),
    )
