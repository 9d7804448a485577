"""Closed loop: C users over all lanes are C requests in flight at the server, never more; a count is sent exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.harness import Ended, assert_all_balance, config, launch
from tests.emulators.mock import RunningMock, running_mock

USERS, COUNT, LANES = 7, 90, 3
RAMP_S = 0.5


def in_flight(mock: RunningMock) -> tuple[np.ndarray, np.ndarray]:
    """(instants in ns, requests in flight from then on), by the one clock of the server's log that nobody sets."""
    steps: list[tuple[int, int]] = []
    for one in mock.completions():
        assert one.arrival_boot_ns is not None
        steps += [(one.first_byte_boot_ns, 1), (one.arrival_boot_ns + one.end_offset_ns, -1)]
    steps.sort()
    return np.array([at for at, _ in steps]), np.cumsum([step for _, step in steps])


def run(root: Path, mock: RunningMock, stage: dict[str, object]) -> Ended:
    settings = config(mock.url, [stage], load={"type": "concurrent"})
    settings["fanout"] = {"lanes": LANES}
    return launch(root, settings)


def check_concurrency(instants: np.ndarray, flying: np.ndarray, until_ns: int) -> None:
    """Never above C; equal to C from ramp-up until `until_ns`, but for the instants between answer and next ask."""
    assert flying.max() <= USERS
    begin = instants[0] + RAMP_S * 1e9
    spans = np.diff(np.append(instants, instants[-1]))
    inside = (instants >= begin) & (instants < until_ns)
    full = spans[inside & (flying == USERS)].sum()
    assert full / spans[inside].sum() > 0.8, "one user at most is between two requests, and not for long"


def test_by_count_sends_exactly_the_count_at_exactly_the_concurrency(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.1, "itl_s": 0.005}) as mock:
        ended = run(tmp_path, mock, {"concurrency_level": USERS, "num_requests": COUNT})
        instants, flying = in_flight(mock)
        ids = [one.id for one in mock.completions()]
        last_starts = lane_last_starts(ended)
    assert len(ids) == len(set(ids)) == COUNT
    summary = ended.summary()
    assert summary["ledger"]["planned"] == summary["ledger"]["ok"] == COUNT
    assert_all_balance(summary)
    t0 = instants[0] - min(sent for sent in ended.requests()["sent_ns"])
    check_concurrency(instants, flying, t0 + min(last_starts))


def lane_last_starts(ended: Ended) -> list[int]:
    rows = ended.requests()
    last: dict[int, int] = {}
    for lane, sent in zip(rows["lane"], rows["sent_ns"]):
        last[lane] = max(last.get(lane, sent), sent)
    return list(last.values())


def test_by_time_holds_the_concurrency_to_the_end(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.1, "itl_s": 0.005}) as mock:
        ended = run(tmp_path, mock, {"concurrency_level": USERS, "duration": 5})
        instants, flying = in_flight(mock)
        sent = len(mock.completions())
    summary = ended.summary()
    assert summary["ledger"]["planned"] == summary["ledger"]["ok"] == sent > 5 * USERS
    assert_all_balance(summary)
    assert len(set(ended.requests()["request_index"])) == sent
    check_concurrency(instants, flying, instants[0] + int(4.8e9))


def test_a_rate_with_a_cap_never_passes_it_and_forgives_no_wait(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.4, "itl_s": 0.001}) as mock:
        settings = config(mock.url, [{"rate": 20, "duration": 5}])
        settings["load"]["max_concurrency"] = 6
        settings["fanout"] = {"lanes": 2, "max_lateness": 30}
        ended = launch(tmp_path, settings)
        _, flying = in_flight(mock)
    assert flying.max() <= 6
    summary = ended.summary()
    assert summary["ledger"]["planned"] == 100
    assert_all_balance(summary)
    sent, scheduled = (
        summary["latency"][name]["p90"] for name in ("request_latency", "request_latency_from_scheduled")
    )
    assert scheduled > sent + 0.3
    assert "cap_reached" in {one["code"] for one in summary["findings"]}


def test_what_waits_at_the_planned_end_is_still_sent(tmp_path: Path) -> None:
    """There is no seam behind the last slice: a backlog is worked off, and its wait counts from scheduled."""
    with running_mock({"ttft_s": 0.5, "itl_s": 0.001}) as mock:
        settings = config(mock.url, [{"rate": 8, "duration": 3}])
        settings["load"]["max_concurrency"] = 2
        settings["fanout"] = {"lanes": 1, "max_lateness": 30}
        ended = launch(tmp_path, settings)
        _, flying = in_flight(mock)
    assert flying.max() <= 2
    summary = ended.summary()
    assert summary["ledger"]["ok"] == summary["ledger"]["planned"] == 24
    assert summary["latency"]["request_latency_from_scheduled"]["max"] > 2.5
    assert_all_balance(summary)


def test_planted_one_user_too_many_or_idle_is_caught() -> None:
    instants = np.arange(100) * 100_000_000
    with pytest.raises(AssertionError):
        check_concurrency(instants, np.full(100, USERS + 1), 10**10)
    with pytest.raises(AssertionError):
        check_concurrency(instants, np.full(100, USERS - 1), 10**10)
