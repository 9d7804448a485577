"""Law 5 under each fault: the ledger's failed and timed_out equal the server's own count, by kind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Ended, assert_all_balance, config, launch
from tests.emulators.mock import RunningMock, running_mock

SHARE = 0.3
TIMEOUTS = {"connect": 5, "first_token": 3, "idle": 1, "total": 20}

# fault of the server -> the error_kind it must become
KINDS = {
    "http_500": "http_500",
    "http_429": "http_429",
    "http_503": "http_503",
    "cut": "connection_lost",
    "stall": "idle_timeout",
    "error_event": "error_event",
    "zombie": "idle_timeout",  # keep-alive comments for ever: they are no data
}


def run(root: Path, mock: RunningMock) -> Ended:
    settings = config(mock.url, [{"rate": 20, "duration": 3}], load={"request_timeout": TIMEOUTS})
    settings["fanout"] = {"lanes": 2}
    return launch(root, settings)


def kinds_of(ended: Ended) -> Counter[str]:
    rows = ended.requests()
    bad = [kind for kind, status in zip(rows["error_kind"], rows["status"]) if status in ("failed", "timed_out")]
    return Counter(bad)


def check_counts(measured: Counter[str], faults: Counter[str]) -> None:
    expected: Counter[str] = Counter()
    for fault, count in faults.items():
        expected[KINDS[fault]] += count
    assert measured == expected


def faulty(mock: RunningMock) -> Counter[str]:
    return Counter(one.fault for one in mock.completions() if one.fault is not None)


@pytest.mark.parametrize("fault", KINDS)
def test_failures_are_counted_as_the_server_counts_them(tmp_path: Path, fault: str) -> None:
    settings: dict[str, Any] = {"ttft_s": 0.05, "itl_s": 0.005, "seed": 5, "faults": {fault: SHARE}, "stall_s": 4.0}
    with running_mock(settings) as mock:
        ended = run(tmp_path, mock)
        counted = faulty(mock)
    assert counted[fault] > 5, "the fault was there to be counted"
    check_counts(kinds_of(ended), counted)
    summary = ended.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["failed"] + summary["ledger"]["timed_out"] == counted[fault]
    assert summary["ledger"]["planned"] == 60
    assert summary["verdict"] != "VALID"
    assert "errors" in {one["code"] for one in summary["findings"]}


def test_all_faults_together(tmp_path: Path) -> None:
    faults = dict.fromkeys(KINDS, 0.1)
    with running_mock({"ttft_s": 0.05, "itl_s": 0.005, "seed": 9, "faults": faults, "stall_s": 4.0}) as mock:
        ended = run(tmp_path, mock)
        counted = faulty(mock)
    check_counts(kinds_of(ended), counted)
    assert_all_balance(ended.summary())


def test_a_line_that_cannot_be_read_fails_nothing_by_itself(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.05, "itl_s": 0.005, "seed": 5, "faults": {"malformed": SHARE}}) as mock:
        ended = run(tmp_path, mock)
        assert faulty(mock)["malformed"] > 5
    assert ended.summary()["ledger"]["ok"] == 60
    assert "malformed_events" in {one["code"] for one in ended.summary()["findings"]}


def test_planted_a_miscount_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_counts(Counter({"http_500": 9}), Counter({"http_500": 10}))
    with pytest.raises(AssertionError):
        check_counts(Counter({"truncated": 10}), Counter({"cut": 10}))
