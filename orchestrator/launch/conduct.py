"""Holds everything that must not outlive a run: the lease's thread, the worker processes, the probe.

However the drive ends (by itself, an abort, a second Ctrl-C, a fault of ours), control says so and nothing runs on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from function.contract import keys
from function.contract.codec import encode
from function.contract.errors import ProviderError, StoreError
from function.contract.observed import End, Observed
from orchestrator.launch.clock import StoreClock, asleep_ns
from orchestrator.launch.drive import Drive, Driven, Run
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.interference import Overshoot, Probe
from orchestrator.launch.interrupts import Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.snapshot import Board
from orchestrator.launch.tenure import Standing
from orchestrator.launch.trouble import unstored
from orchestrator.launch.view import View
from orchestrator.providers.port import Provider

GRACE_S = 3.0  # a worker that has written its receipt ends at once
WORST_OVERSHOOTS = 100
SLEPT_NS = 1_000_000_000  # below, the two clocks were only read apart


@dataclass(frozen=True, slots=True)
class Crew:
    """Who carries the run out. The lease has not been started."""

    fleet: Fleet
    lease: Lease
    provider: Provider
    clock: StoreClock


def conduct(run: Run, crew: Crew, view: View, interrupts: Interrupts, *, detach: bool = False) -> Driven:
    """Drive the run to its end (`detach`: until all is granted, then leave it alone).

    Raises Interrupted at a second interrupt.
    """
    begun = Begun(crew.clock.now_ns(), asleep_ns())
    drive = Drive(run, crew.fleet, crew.lease, crew.provider, crew.clock, (Board(run.plan, crew.fleet.groups), view))
    probe = Probe()
    grace_s, left = 0.0, False
    crew.lease.start()
    try:
        driven = drive.until_granted(interrupts) if detach else drive.until_over(interrupts)
        left = detach and not driven.aborted and driven.failure is None
        grace_s = GRACE_S
        _close(crew.lease, view, left)
    finally:
        with interrupts.held_off():
            if crew.lease.standing is Standing.HELD and not left:
                _give_up(crew.lease)
            if left:
                crew.provider.leave()
            stopped = crew.provider.stop_all(grace_s)
            overshoots = probe.stop()
    now_ns = crew.clock.now_ns()
    for one in stopped:
        driven.ends[keys.attempt_id(one.shard, one.attempt)] = End(one.exit_code, one.tail, now_ns)
        if (
            one.exit_code != 0 and crew.fleet.granted(one.shard) == one.attempt
        ):  # its receipt came first, and then its error
            driven.unstored = driven.unstored or unstored(one.tail)
    with suppress(StoreError, ProviderError):  # what cannot be stored is only a cause that the report will not name
        run.store.put(keys.ORCHESTRATOR, encode(_observed(begun, now_ns, driven, overshoots)))
        crew.provider.recorded()
    return driven


class Begun(NamedTuple):
    """When, on the store's clock, and how long this machine had slept by then."""

    unix_ns: int
    asleep_ns: int


def _observed(begun: Begun, now_ns: int, driven: Driven, overshoots: list[Overshoot]) -> Observed:
    slept_ns = asleep_ns() - begun.asleep_ns
    worst = sorted(overshoots, key=lambda one: -one.late_ns)[:WORST_OVERSHOOTS]
    return Observed(
        started_unix_ns=begun.unix_ns,
        ended_unix_ns=now_ns,
        suspended_ns=slept_ns if slept_ns > SLEPT_NS else 0,
        ends=driven.ends,
        interference=tuple(sorted((one.at_unix_ns, one.late_ns) for one in worst)),
    )


def _close(lease: Lease, view: View, left: bool) -> None:
    if left or lease.standing is not Standing.HELD:
        lease.leave()
        return
    try:
        lease.finish()
    except StoreError as error:  # every shard has committed or cannot send: merge does without the word
        view.say(f"control could not be told that the run is done ({error.message})")


def _give_up(lease: Lease) -> None:
    """The drive failed while we owned the run."""
    try:
        lease.abort("lease: the orchestrator failed")
    except StoreError:
        lease.leave()  # nothing is renewed any more: the lease silences the workers
