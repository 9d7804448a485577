"""Problems as people read them: one block each, the key first, what would be right below it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.outcome import Problem


def problem_list(problems: Sequence[Problem]) -> str:
    """Errors first, otherwise in order; no trailing newline, "" for none."""
    ordered = sorted(problems, key=lambda problem: problem.severity != "error")
    return "\n".join(_block(problem) for problem in ordered)


def _block(problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    line = f"{problem.severity:<8}{where}{problem.message}  [{problem.code}]"
    return f"{line}\n{'':8}{problem.hint}" if problem.hint else line
