"""May this attempt send now? A state machine fed with reads of control, the go object and a clock. It does no I/O.

Fed by the control thread, asked by the event loop at each send: every method is short and safe to call from either. It
fails closed: nothing may be sent before a go that names this attempt *and* a beat that was seen to move (a late starter
must not trust a dead orchestrator's last word); a stop of any kind is final (a worker that comes back after a lapse may
see a beat that is newer than the one it knew and still older than the lease).

It knows nothing of wall time. Leases are judged from the instant a read was *asked*, on a clock that counts suspension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from function.clock import Clock
from function.contract.control import Control, Go

AbortedKind = Literal["user", "breaker", "lease"]

SUSPENSION_NS = 1_000_000_000  # a machine that slept longer measured nothing true around it


@dataclass(frozen=True, slots=True)
class Stop:
    """Why and since when (`at_ns`, the gate's clock) nothing may be sent any more. `kind` goes into aborted rows."""

    reason: Literal["abort", "lease", "failed"]
    kind: AbortedKind
    at_ns: int
    detail: str | None


class Gate:
    """One attempt's permission to send, from its start to its end.

    The lease ends half a lease after the instant at which the read that first showed the current beat was asked. That a
    good read must not be older than half a lease either follows from it: such a read is itself a good read, and no
    later one is older. Before the first read the lease counts from the gate's own start.
    """

    __slots__ = (
        "_asleep_ns",
        "_attempt",
        "_clock",
        "_go",
        "_half_ns",
        "_mark",
        "_moved",
        "_shard",
        "_stop",
        "_until_ns",
    )

    def __init__(self, shard: str, attempt: int, lease_ns: int, clock: Clock) -> None:
        self._shard = shard
        self._attempt = attempt
        self._half_ns = lease_ns // 2
        self._clock = clock
        self._asleep_ns = _asleep_ns(clock)
        self._until_ns = clock.now_ns() + self._half_ns
        self._mark: tuple[int, int] | None = None  # epoch and beat of the newest control seen
        self._moved = False
        self._go: Go | None = None
        self._stop: Stop | None = None

    def heard(self, asked_ns: int, control: Control) -> None:
        """A good read of control. A failed read is not fed at all: it changes nothing, and time passes."""
        if self.stop() is not None:
            return
        if control.state in ("abort", "done"):
            reason = control.reason if control.state == "abort" else "the orchestrator ended the run"
            self._latch(Stop("abort", _kind(control.reason), self._clock.now_ns(), reason))
            return
        mark = (control.epoch, control.beat)
        if self._mark is not None:
            if mark <= self._mark:
                return
            self._moved = True
        self._mark = mark
        self._until_ns = asked_ns + self._half_ns

    def named(self, go: Go) -> None:
        """The go of this attempt's group. It is created once, so the first one read is the only one there is."""
        self._go = self._go or go

    def halt(self, reason: Literal["abort", "failed"], kind: AbortedKind, detail: str) -> None:
        """This side's own stop: the process was told to end, or its records cannot be stored."""
        self._latch(Stop(reason, kind, self._clock.now_ns(), detail))

    def permit(self) -> AbortedKind | None:
        """None: send now, in this very stretch of code. Otherwise the `error_kind` of the aborted row."""
        stop = self.stop()
        if stop is not None:
            return stop.kind
        return None if self._moved and self.go_names_me else "lease"

    def stop(self) -> Stop | None:
        """The final stop, if there was one; notices lapses and suspensions as of now."""
        if self._stop is None:
            now_ns = self._clock.now_ns()
            slept_ns = now_ns - self._clock.awake_ns() - self._asleep_ns  # read second: a stall between is not sleep
            if slept_ns > SUSPENSION_NS:
                self._latch(Stop("lease", "lease", now_ns - slept_ns, f"suspended for {slept_ns / 1e9:.1f} s"))
            elif now_ns >= self._until_ns:
                self._latch(Stop("lease", "lease", self._until_ns, self._lapse()))
        return self._stop

    @property
    def heard_once(self) -> bool:
        return self._mark is not None

    @property
    def open(self) -> bool:
        """Granted, and the beat was seen to move: the only thing between this attempt and sending is a stop."""
        return self._moved and self.go_names_me

    @property
    def go(self) -> Go | None:
        return self._go

    @property
    def go_names_me(self) -> bool:
        return self._go is not None and self._go.attempts.get(self._shard) == self._attempt

    def _latch(self, stop: Stop) -> None:
        if self._stop is None:  # two threads may get here at once; both stops are true, and one of them stays
            self._stop = stop

    def _lapse(self) -> str:
        half_s = self._half_ns / 1e9
        if self._mark is None:
            return f"control could not be read for {half_s:g} s"
        return f"the beat was not seen to move for {half_s:g} s"


def _asleep_ns(clock: Clock) -> int:
    """Time this machine has slept so far. Awake first: a stall between the two reads must not look like later sleep."""
    awake_ns = clock.awake_ns()
    return clock.now_ns() - awake_ns


def _kind(reason: str | None) -> AbortedKind:
    """Control's reason is free text; one that begins with a kind's name and a colon, or is it, gives the kind."""
    head = (reason or "").partition(":")[0].strip()
    return "breaker" if head == "breaker" else "lease" if head == "lease" else "user"
