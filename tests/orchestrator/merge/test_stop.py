from __future__ import annotations

import pytest

from function.contract.receipt import Counts, Receipt
from orchestrator.merge.stop import FROM_THE_START, Stop, kind_of_reason, stop_of


def receipt(reason: str, stopped_ns: int | None, detail: str | None = None) -> Receipt:
    return Receipt("0-0-0", 0, "n", reason, (), 0, Counts(), stopped_ns, detail, 0, 0, None, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("user", "user"),
        ("breaker: 50 % of requests failed", "breaker"),
        ("lease: the orchestrator failed", "lease"),
        ("merge", "lease"),
        ("ready", "user"),
        ("anything at all", "user"),
        (None, "user"),
    ],
)
def test_the_kind_of_an_abort(reason: str | None, kind: str) -> None:
    assert kind_of_reason(reason) == kind


@pytest.mark.parametrize(
    ("found", "stop"),
    [
        (receipt("complete", None), None),
        (receipt("abort", 7, "breaker"), Stop(7, "aborted", "breaker")),
        (receipt("lease", 7, "the beat was not seen to move"), Stop(7, "aborted", "lease")),
        (receipt("time", 7), Stop(7, "missed", "no_time_left")),
        (receipt("failed", None, "disk full"), None),
        (receipt("salvaged", None, "no receipt came in time"), None),
        (receipt("salvaged", 7, "user: no receipt came in time"), Stop(7, "aborted", "user")),
        (receipt("not_allowed", None, "it ended of itself"), Stop(FROM_THE_START, "missed", "not_granted")),
        (receipt("not_allowed", None, "user: it ended of itself"), Stop(FROM_THE_START, "aborted", "user")),
    ],
)
def test_what_stopped_a_shard(found: Receipt, stop: Stop | None) -> None:
    assert stop_of(found) == stop
