from __future__ import annotations

import msgspec
import pytest

from function.contract.receipt import Health, HealthSecond
from function.store.memory import MemoryStore
from orchestrator.merge.run import merge_run
from orchestrator.metrics.finding import Finding
from tests.emulators.stored_run import HEALTH, MS, Row, S, Stage, Truth

SECONDS = 12


def health(away_ms: dict[int, float], kernel: bool = True) -> Health:
    """The loop's longest absence by second; elsewhere 1 ms."""
    seconds = tuple(
        HealthSecond(float(at), 0.2, 2 * MS, round(away_ms.get(at, 1.0) * MS), 10, 20) for at in range(SECONDS)
    )
    return msgspec.structs.replace(HEALTH, seconds=seconds, kernel_stamps=kernel)


def read_together(row: Row, start_ns: int, end_ns: int) -> None:
    """What the kernel's stamps say of events that waited for the loop from `start_ns` to `end_ns`: of those that came
    meanwhile all have the last one's time, to a nanosecond."""
    meanwhile = [index for index, token in enumerate(row.token_ns) if start_ns < token < end_ns]
    for place, index in enumerate(meanwhile):
        row.token_ns[index] = row.token_ns[meanwhile[-1]] - len(meanwhile) + 1 + place


def found(truth: Truth) -> list[Finding]:
    store = MemoryStore()
    truth.write(store)
    return [one for one in merge_run(store, sleep=lambda _: None).summary.findings if one.code == "stamps_shared"]


def stalled(
    lanes: int, stall_ms: int, stalls: list[float], ill: int = 0, kernel: bool = True, ttft_ms: int = 300
) -> Truth:
    """The loop of lane `ill` is away for `stall_ms` from each of `stalls`, s since t0."""
    truth = Truth([Stage(10, 20)], lanes=lanes, tokens=32, ttft_ns=ttft_ms * MS)
    away = {int(at): float(stall_ms) for at in stalls}
    truth.shards[f"0-{ill}-0"].health = health(away, kernel)
    for at in stalls:
        truth.each(
            lambda row, at=at: read_together(row, round(at * S), round(at * S) + stall_ms * MS),
            lambda row: truth.lane_of(row) == ill,
        )
    return truth


def truth_rows() -> list[Row]:
    rows: list[Row] = []
    Truth([Stage(10, 20)], lanes=1, tokens=32, ttft_ns=300 * MS).each(rows.append, lambda row: True)
    return rows


def late_by(row: Row, start_s: float, length_s: float) -> list[float]:
    held = [token / S for token in row.token_ns if start_s < token / S < start_s + length_s]
    return [held[-1] - token for token in held]


def test_a_stall_longer_than_the_gaps_is_found_with_its_lane_and_second() -> None:
    """Of 32 events at 10 ms a stall of 200 ms swallows up to 19 each of the 7 answers under way."""
    (finding,) = found(stalled(1, 200, [7.3]))
    assert finding.severity == "degraded"
    assert (finding.scope.lane, finding.scope.from_s, finding.scope.to_s) == (0, 7.0, 8.0)
    assert 0.01 < finding.numbers["value"] < 0.03
    assert finding.numbers["away_s"] == pytest.approx(0.2)


def test_answers_that_came_whole_while_the_loop_was_away_count_too() -> None:
    """Events of 320 ms inside a stall of 700 ms: all of such an answer have one time, and no gap of its own is left."""
    (finding,) = found(stalled(1, 700, [7.2]))
    true_late = sum(later > 0.005 for row in truth_rows() for later in late_by(row, 7.2, 0.7)) / (200 * 32)
    assert finding.numbers["value"] == pytest.approx(true_late, rel=0.15)


def test_stamps_that_are_late_by_more_than_half_of_the_ttft_at_p99_are_worthless() -> None:
    """As `loop_lag` is judged: the same stalls beside a TTFT of 1.2 s and of 50 ms."""
    stalls = [2.3, 4.3, 6.3, 8.3]
    (slow,), (quick,) = found(stalled(1, 250, stalls, ttft_ms=1200)), found(stalled(1, 250, stalls, ttft_ms=50))
    assert (slow.severity, quick.severity) == ("degraded", "invalid")
    assert 0.12 < quick.numbers["late_p99"] < 0.25
    assert quick.numbers["late_p99"] == pytest.approx(slow.numbers["late_p99"], abs=0.03)


def test_nothing_is_later_than_the_loop_was_away() -> None:
    truth = stalled(1, 250, [2.3, 4.3, 6.3, 8.3], ttft_ms=50)
    truth.shards["0-0-0"].health = health(dict.fromkeys((2, 4, 6, 8), 40.0))
    (finding,) = found(truth)
    assert finding.numbers["late_p99"] <= 0.041


def test_a_stall_shorter_than_the_gaps_loses_no_stamp() -> None:
    assert found(stalled(1, 9, [at / 10 for at in range(100)])) == []


def test_a_healthy_run_says_nothing() -> None:
    assert found(stalled(2, 1, [])) == []


def test_below_a_hundredth_of_the_events_nothing_is_said() -> None:
    """60 ms: up to five of the 32 events of each of the 7 answers under way, of 6,400 in all."""
    assert found(stalled(1, 60, [7.3])) == []
    assert len(found(stalled(1, 60, [2.3, 4.3, 6.3, 8.3]))) == 1


def test_half_of_the_events_makes_the_median_worthless() -> None:
    (finding,) = found(stalled(1, 195, [at / 5 for at in range(50)]))
    assert finding.severity == "invalid"


def test_a_single_bad_lane_is_named_and_only_degrades() -> None:
    stalls = [at / 4 for at in range(40)]
    (finding,) = found(stalled(100, 180, stalls, ill=37))
    assert (finding.severity, finding.scope.lane, finding.numbers["lanes"]) == ("degraded", 37, [37])
    assert finding.numbers["value"] < 0.01


def test_where_stamps_are_the_loops_loop_lag_judges() -> None:
    assert found(stalled(1, 200, [7.3], kernel=False)) == []


def in_pairs(truth: Truth) -> None:
    """The server writes every two events at once."""

    def pair(row: Row) -> None:
        for index in range(0, len(row.token_ns) - 1, 2):
            row.token_ns[index] = row.token_ns[index + 1] - 1

    truth.each(pair)


def test_a_server_that_writes_events_together_is_not_the_workers_fault() -> None:
    truth = stalled(1, 1, [])
    in_pairs(truth)
    assert found(truth) == []
    truth.shards["0-0-0"].health = health({3: 40.0})  # the loop was away, and nothing more than usual came together
    assert found(truth) == []


def test_planted_without_the_share_of_other_seconds_it_would_cry_wolf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.metrics.doubt.stamps._TELLING", 10**9)
    truth = stalled(1, 1, [])
    in_pairs(truth)
    truth.shards["0-0-0"].health = health({3: 40.0})
    assert len(found(truth)) == 1


def test_a_warm_up_stage_is_not_judged() -> None:
    truth = Truth([Stage(5, 20, warmup=True), Stage(5, 20)], lanes=1, tokens=32)
    truth.shards["0-0-0"].health = health({2: 900.0})
    truth.each(lambda row: read_together(row, 2 * S, 3 * S))
    assert found(truth) == []
