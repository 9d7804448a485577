"""The board: what people see is made of the granted attempts' own words, and of nobody else's."""

from __future__ import annotations

from msgspec import structs

from function.contract.control import Go
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.snapshot import Board
from tests.orchestrator.launch.crew import make_receipt
from tests.orchestrator.launch.world import START_NS, S, make_plan, make_progress, make_ready

T0 = START_NS + S


def begun(lanes: int = 2) -> tuple[Fleet, Board]:
    plan = make_plan(lanes, (2,))
    fleet = Fleet(plan, "w")
    fleet.go_settled(Go(0, 0, T0, T0, {f"0-{lane}-0": 0 for lane in range(lanes)}, "w"), START_NS)
    return fleet, Board(plan, fleet.groups)


def test_before_anything_all_is_ahead() -> None:
    plan = make_plan(3, (2,))
    fleet = Fleet(plan, "w")
    seen = Board(plan, fleet.groups).snapshot(START_NS)
    assert seen.shards == {"planned": 6}
    assert (seen.elapsed_s, seen.sent, seen.planned, seen.remaining_s) == (0.0, 0, 30, None)
    assert [stage.state for stage in seen.stages] == ["ahead"]
    assert seen.ttft_ms is None and seen.achieved is None


def test_counts_add_up_over_granted_attempts_only() -> None:
    _, board = begun()
    board.progress(make_progress("0-0-0", 0, "sending", sent=10, ok=7, failed=1, in_flight=2))
    board.progress(make_progress("0-1-0", 0, "sending", sent=5, ok=5))
    board.progress(make_progress("0-1-0", 1, "waiting", sent=99, ok=99))
    seen = board.snapshot(T0 + 2 * S)
    assert (seen.sent, seen.in_flight) == (15, 2)
    assert seen.counts == {"ok": 12, "failed": 1, "timed_out": 0, "missed": 0, "aborted": 0}
    assert seen.elapsed_s == 2.0
    assert seen.remaining_s == 18.0
    assert seen.shards == {"sending": 2, "planned": 2}


def test_a_receipts_counts_replace_its_attempts_progress() -> None:
    _, board = begun()
    board.progress(make_progress("0-0-0", 0, "ended", sent=10, ok=4))
    board.receipt(make_receipt("0-0-0", 0, ok=10))
    assert board.snapshot(T0).counts["ok"] == 10


def test_shards_in_a_word() -> None:
    fleet, board = begun(4)
    board.progress(make_progress("0-1-0", 0, "draining"))
    board.receipt(make_receipt("0-2-0", 0))
    board.receipt(make_receipt("0-3-0", 0, "lease"))
    fleet.ready(make_ready("0-0-1"), T0)
    assert board.snapshot(T0).shards == {
        "waiting": 1,
        "draining": 1,
        "complete": 1,
        "stopped": 1,
        "ready": 1,
        "planned": 3,
    }
    fleet.ended("0-0-0", 0, T0)
    fleet.go_settled(Go(0, 1, T0, T0, {"0-0-1": 0}, "w"), T0)
    assert board.snapshot(T0).shards == {
        "died": 1,
        "draining": 1,
        "complete": 1,
        "stopped": 1,
        "waiting": 1,
        "not granted": 3,
    }


def test_stages_start_and_end_by_the_clock() -> None:
    _, board = begun()
    states = [board.snapshot(T0 + at * S).stages[0].state for at in (-1, 0, 19, 20)]
    assert states == ["ahead", "running", "running", "over"]
    assert board.snapshot(T0 + S).offered == 10.0
    assert board.snapshot(T0 + 21 * S).offered is None


def test_the_achieved_rate_is_that_of_the_last_seconds() -> None:
    _, board = begun(1)
    rates = []
    for second in range(20):
        board.progress(make_progress("0-0-0", 0, "sending", sent=10 * min(second, 8)))
        rates.append(board.snapshot(T0 + second * S).achieved)
    assert rates[0] is None
    assert rates[8] == 10.0
    assert rates[19] == 0.0


def test_ttft_is_read_off_the_added_histograms() -> None:
    _, board = begun()
    # 10^(i/10) ms: place 17 is 50 to 63 ms, place 20 is 100 to 126 ms.
    for lane, places in ((0, {17: 8}), (1, {17: 1, 20: 1})):
        histogram = tuple(places.get(place, 0) for place in range(61))
        board.progress(structs.replace(make_progress(f"0-{lane}-0", 0, "sending"), ttft=histogram))
    seen = board.snapshot(T0)
    assert seen.ttft_ms is not None
    assert all(50 <= value <= 64 for value in seen.ttft_ms)


def test_errors_are_counted_by_kind_most_first() -> None:
    _, board = begun()
    board.progress(structs.replace(make_progress("0-0-0"), errors={"http_500": 1, "connect": 2}))
    board.progress(structs.replace(make_progress("0-1-0"), errors={"http_500": 4}))
    assert list(board.snapshot(T0).errors.items()) == [("http_500", 5), ("connect", 2)]
