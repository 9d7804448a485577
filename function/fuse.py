"""The first error of something nobody awaits: a timer's callback, a thread's step.

An event loop only logs what a callback raises and goes on waiting; a thread ends in silence. Both would leave a worker
that looks alive. Who waits for the end of the work asks the fuse as well.
"""

from __future__ import annotations

from collections.abc import Callable


class Fuse:
    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def blow(self, error: BaseException) -> None:
        self.error = self.error or error

    def guard(self, step: Callable[[], None]) -> Callable[[], None]:
        """`step`, which then raises nothing."""

        def guarded() -> None:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - kept, and raised where the work is awaited
                self.blow(error)

        return guarded

    def check(self) -> None:
        """Raises the error that was kept."""
        if self.error is not None:
            raise self.error
