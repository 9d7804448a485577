"""Progress for the live view, and the clock that is learned from writing it."""

from __future__ import annotations

from function.arrival import Arrival
from function.contract.codec import decode
from function.contract.control import Claim, Progress
from function.progress import ProgressReport, State
from function.store.memory import MemoryStore
from function.store_clock import StoreClock
from function.tally import Tally
from tests.function.virtual import SECOND, VirtualClock
from tests.suites.faulty_store import FaultyStore


class Watched:
    state: State = "sending"
    in_flight = 7

    def __init__(self) -> None:
        self.tally = Tally()


def test_progress_is_written_on_the_stores_clock() -> None:
    clock, watched, store_clock = VirtualClock(-9 * SECOND), Watched(), StoreClock()
    store = FaultyStore(MemoryStore(clock.true_unix_ns))
    report = ProgressReport(store, Claim("0-0-0", 1, "n"), watched, clock, store_clock, 1.5)
    watched.tally.sent(Arrival(0, 0, 3, 0, 0, None, 0, None, ()), 2)
    assert report.step() == 1.5
    first = decode(Progress, store.get("progress/0-0-0.1").body)
    assert (first.state, first.in_flight, first.sent, first.stages, first.nonce) == ("sending", 7, 1, {3: 1}, "n")
    assert abs(store_clock.offset()[0] - 9 * SECOND) <= 1000
    report.step()
    assert abs(decode(Progress, store.get("progress/0-0-0.1").body).at_unix_ns - clock.true_unix_ns()) <= 1000


def test_a_failed_write_is_no_event() -> None:
    clock = VirtualClock()
    store = FaultyStore(MemoryStore())
    report = ProgressReport(store, Claim("0-0-0", 1, "n"), Watched(), clock, StoreClock(), 1.0)
    store.fail("put")
    assert report.step() == 1.0
    assert report.step() == 1.0
    assert store.get("progress/0-0-0.1").body
