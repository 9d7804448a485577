from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.doubt.completeness import completeness
from orchestrator.metrics.finding import Finding
from orchestrator.metrics.requests import ABORTED, LOST, MISSED, NEVER, Coded
from orchestrator.metrics.stage_view import StageView
from tests.emulators.tables import answered, view

N = 10_000


def ended(status: np.ndarray, lanes: int = 1, sent_too: bool = False, **options: object) -> StageView:
    """Requests with other ends than ok; those were not sent, unless `sent_too`."""
    due = np.arange(status.size) * 0.01
    requests = answered(due, 0.1, status=status.astype(np.int8))
    if not sent_too:
        sent = np.where(status == 0, requests.sent_ns, NEVER)
        requests = answered(due, 0.1, status=status.astype(np.int8), sent_ns=sent)
    kinds = Coded(np.where(status == MISSED, 0, -1).astype(np.int32), ("late",))
    columns = {
        "shard_ids": tuple(f"0-{lane}-0" for lane in range(lanes)),
        "shard": (np.arange(status.size) % lanes).astype(np.int32),
        "error_kind": kinds,
    }
    names = ("status", "sent_ns", "first_token_ns", "last_token_ns", "end_ns")
    kept = {name: getattr(requests, name) for name in names}
    return view(answered(due, 0.1, **kept, **columns), status.size * 0.01, **options)  # type: ignore[arg-type]


def some(count: int, status: int, of: int = N) -> np.ndarray:
    """Spread evenly over all lanes."""
    found = np.zeros(of, int)
    found[np.linspace(0, of - 1, count).astype(int)] = status
    return found


def only(found: StageView) -> dict[str, Finding]:
    return {finding.code: finding for finding in completeness(found)}


@pytest.mark.parametrize(
    ("missing", "severity"), [(0, None), (29, None), (31, "degraded"), (199, "degraded"), (201, "invalid")]
)
def test_sent_short(missing: int, severity: str | None) -> None:
    found = only(ended(some(missing, MISSED)))
    assert (found["sent_short"].severity if found else None) == severity
    if found:
        assert f"were not sent ({missing:,} late)" in found["sent_short"].message
        assert found["sent_short"].numbers["value"] == 1 - missing / N


@pytest.mark.parametrize(("lost", "severity"), [(0, None), (1, "degraded"), (100, "degraded"), (101, "invalid")])
def test_requests_lost(lost: int, severity: str | None) -> None:
    found = only(ended(some(lost, LOST), sent_too=True))
    assert (found["requests_lost"].severity if found else None) == severity
    if found:
        assert f"{lost} of them are known to have been sent" in found["requests_lost"].message


def test_what_was_lost_without_a_trace_was_not_sent_either_as_far_as_anybody_knows() -> None:
    found = only(ended(some(250, LOST)))
    assert set(found) == {"sent_short", "requests_lost"}
    assert "are not known to have been sent (250 lost)" in found["sent_short"].message


def test_what_an_abort_kept_from_being_sent_is_not_missing() -> None:
    assert only(ended(some(5000, ABORTED))) == {}
    status = some(0, MISSED)
    status[N // 2 :] = MISSED
    assert only(ended(status, excused=status == MISSED)) == {}
    assert set(only(ended(status))) == {"sent_short"}


def test_everything_aborted_is_no_division_by_zero() -> None:
    assert only(ended(np.full(10, ABORTED))) == {}
    assert only(ended(np.empty(0, int))) == {}


def test_a_lane_that_drops_its_sends_is_named() -> None:
    status = np.zeros(N, int)
    status[np.flatnonzero(np.arange(N) % 100 == 42)[:5]] = MISSED  # 5 of its 100, 0.05 % of all
    found = only(ended(status, lanes=100))["sent_short"]
    assert (found.severity, found.scope.lane) == ("degraded", 42)
    status[np.flatnonzero(np.arange(N) % 100 == 42)[2:]] = 0
    assert only(ended(status, lanes=100)) == {}


def test_one_missed_of_twenty_condemns_by_the_table() -> None:
    assert only(ended(some(1, MISSED, of=20)))["sent_short"].severity == "invalid"
