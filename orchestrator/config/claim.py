"""A problem that rests on more keys than the one it names, and when it must not be told."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.outcome import Problem

_ANY = ("[]", "<name>")  # steps of a place that stand for every item of a list, every name of a mapping


@dataclass(frozen=True, slots=True)
class Claim(Problem):
    """`rests_on`: places whose value would change the verdict, beside `path` itself."""

    rests_on: tuple[str, ...] = ()


def explains(absent: str, problem: Problem) -> bool:
    """Whether a problem may come of what could not be read at `absent`, or was meant for it and stands elsewhere."""
    place, path = _steps(absent), _steps(problem.path)
    if _holds(place, path) or (problem.code == "missing_key" and _holds(path, place)):
        return True
    others = map(_steps, problem.rests_on if isinstance(problem, Claim) else ())
    return any(_holds(place, other) or _holds(other, place) for other in others)


def _steps(place: str) -> list[str]:
    return place.replace("[]", ".[]").split(".")


def _holds(outer: list[str], inner: list[str]) -> bool:
    """Whether `inner` is `outer` or lies below it."""
    same = all(one == other or one in _ANY or other in _ANY for one, other in zip(outer, inner))
    return len(outer) <= len(inner) and same
