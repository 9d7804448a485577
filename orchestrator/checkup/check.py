"""One thing looked at before a run, and how it stands. A list of these is what `doctor` shows and launch refuses by.

A check never raises for what it finds: what could not be looked at is a check that failed, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from function.contract.errors import UsageError
from orchestrator.outcome import Problem

State = Literal["ok", "warn", "fail"]
_ORDER: tuple[State, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Check:
    """`what` was found; `hint`: what to change where it is not ok. `code`, `path`: what a launch is refused with."""

    name: str
    state: State
    what: str
    hint: str = ""
    code: str = "preflight"
    path: str = "--provider"

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "what": self.what, "hint": self.hint}

    def as_problem(self) -> Problem:
        """Of a check that is not ok."""
        return Problem(self.code, self.what, self.path, self.hint, "error" if self.state == "fail" else "warning")


def worst(checks: Iterable[Check]) -> State:
    return max((check.state for check in checks), key=_ORDER.index, default="ok")


def problems(checks: Iterable[Check]) -> tuple[Problem, ...]:
    """Of those that are not ok, in order."""
    return tuple(check.as_problem() for check in checks if check.state != "ok")


class Refused(UsageError):
    """A check failed: nothing was created, nothing was sent. `problems`: all that is not ok."""

    def __init__(self, failed: Check, found: tuple[Problem, ...]) -> None:
        super().__init__(failed.what, path=failed.path, hint=failed.hint, code=failed.code)
        self.problems = found


def refuse_failed(checks: Iterable[Check]) -> tuple[Problem, ...]:
    """The warnings among them; raises Refused with the first one that failed."""
    checks = tuple(checks)
    failed = next((check for check in checks if check.state == "fail"), None)
    if failed is not None:
        raise Refused(failed, problems(checks))
    return problems(checks)
