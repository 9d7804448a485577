"""What a config that cannot be used raises: all its problems at once, none of them quoting a secret."""

from __future__ import annotations

from collections.abc import Iterable

from function.contract.errors import UsageError
from orchestrator.outcome import Problem


class ConfigInvalid(UsageError):
    """`problems` holds every problem, warnings too. One alone lends its code, path and hint to the error itself."""

    code = "config_invalid"

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if len(errors) == 1:
            [only] = errors
            super().__init__(only.message, path=only.path, hint=only.hint, code=only.code)
        else:
            super().__init__(f"{source} has {len(errors)} problems", hint="each is listed with its key")
