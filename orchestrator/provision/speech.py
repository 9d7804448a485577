"""How provisioning speaks with whoever started it: lines while it works, and a question before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from function.contract.errors import UsageError


@dataclass(frozen=True, slots=True)
class Speech:
    """`tell` shows lines at once. `ask` is answered by a person; None where the answer was given beforehand."""

    tell: Callable[[str], None]
    ask: Callable[[str], bool] | None = None
    color: bool = False

    def confirm(self, question: str) -> None:
        """UsageError `declined` at a no."""
        if self.ask is not None and not self.ask(question):
            raise UsageError("it was not confirmed, and nothing was changed there", path="--yes", code="declined")
