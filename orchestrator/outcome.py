"""What a command returns. Commands return values; cli.py alone prints them and turns them into an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

OK, FAILED, USAGE, DEGRADED, INVALID, GATE_FAILED, ABORTED = 0, 1, 2, 3, 4, 5, 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, or worth saying. `path` is a config key path (`load.stages.0.rate`) or a flag (`--root`)."""

    code: str
    message: str
    path: str = ""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
        }

    def as_line(self) -> str:
        """`error[code] path: message (hint)`."""
        named = self.message.startswith((f"{self.path}:", f"{self.path} "))
        where = f" {self.path}:" if self.path and not named else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.severity}[{self.code}]{where} {self.message}{hint}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is what --json shows (JSON types only); `human` is what people read: a string or a rich renderable."""

    command: str
    exit_code: int = OK
    result: dict[str, Any] = field(default_factory=dict)
    human: Any = ""
    error: Problem | None = None
    problems: tuple[Problem, ...] = ()
