"""Who may write control, and what: the pure part of the lease.

A tenure is told what was read and written and when (boot-clock ns); it says what the next body is and whether this
orchestrator still owns the run. It never undoes an abort: a renewal that may have landed over one ends the tenure
with another abort.
"""

from __future__ import annotations

from enum import Enum

from msgspec.structs import replace

from function.contract.control import Control


class Standing(Enum):
    """Whether this orchestrator is the one that renews."""

    HELD = "held"
    ABORTED = "aborted"  # control says abort
    FENCED = "fenced"  # another orchestrator took over, or ended the run
    DONE = "done"  # we wrote done


def abort_of(control: Control, reason: str, writer: str) -> Control:
    """The abort that follows `control`; its body differs from every renewal of it."""
    return replace(control, state="abort", beat=control.beat + 1, writer=writer, reason=reason)


class Tenure:
    """`control` is the body last known to be there and ours; `lease_ns` and `beat_ns` are the plan's."""

    def __init__(self, control: Control, now_ns: int, lease_ns: int, beat_ns: int) -> None:
        self.control = control
        self.standing = Standing.HELD
        self.reason: str | None = None
        self._lease_ns = lease_ns
        self._beat_ns = beat_ns
        self._renewed_ns = now_ns
        self._groups: tuple[str, ...] = control.granted

    @property
    def due_ns(self) -> int:
        """When the next renewal is due at the latest: at once while a grant waits to be written."""
        return self._renewed_ns if self.grants_waiting else self._renewed_ns + self._beat_ns

    @property
    def grants_waiting(self) -> bool:
        return self._groups != self.control.granted

    def grant(self, group: str) -> None:
        if group not in self._groups:
            self._groups = (*self._groups, group)

    def renewal(self, now_ns: int) -> Control | None:
        """The body to write next; None when our own renewals are a lease apart: abort then."""
        if now_ns - self._renewed_ns >= self._lease_ns:
            return None
        state = "go" if self._groups else "wait"
        return replace(self.control, state=state, beat=self.control.beat + 1, granted=self._groups)

    def renewed(self, written: Control, asked_ns: int, answered_ns: int) -> bool:
        """That body is there. False: it took so long that it may have undone an abort, or come after a lapse.

        Whoever puts abort reads it back for two beats. A renewal compared before the abort and landing after those two
        beats would go unseen, so one that took as long is followed by an abort of our own.
        """
        in_time = answered_ns - asked_ns < 2 * self._beat_ns and answered_ns - self._renewed_ns < self._lease_ns
        self.control = written
        self._renewed_ns = asked_ns
        return in_time

    def finish(self) -> Control:
        """The last body of a run that ended by itself."""
        return replace(self.control, state="done", beat=self.control.beat + 1)

    def read(self, found: Control) -> None:
        """What lies there after a write of ours was refused, or was seen by chance."""
        if found.state == "abort":
            self.end(Standing.ABORTED, found.reason)
        elif found.epoch != self.control.epoch or found.writer != self.control.writer or found.state == "done":
            self.end(Standing.FENCED, found.reason)
        elif found.beat > self.control.beat:
            self.control = found  # a write of ours whose answer was lost

    def end(self, standing: Standing, reason: str | None = None) -> None:
        if self.standing is Standing.HELD:
            self.standing, self.reason = standing, reason
