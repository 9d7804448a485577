"""What is counted, and into which bins."""

from __future__ import annotations

import pytest

from function.arrival import Arrival, Row
from function.tally import Tally

MS = 1_000_000


def arrival(index: int, stage: int, due_ns: int) -> Arrival:
    return Arrival(index, index, stage, due_ns, due_ns, None, 0, None, ())


def row(status: str, kind: str | None = None, ttft_ns: int | None = None) -> Row:
    first = None if ttft_ns is None else 100 + ttft_ns
    return Row(0, 0, 0, 0, 0, status, sent_ns=100, first_token_ns=first, error_kind=kind)  # type: ignore[arg-type]


def test_the_tally_counts_what_it_is_told() -> None:
    tally = Tally()
    for index, stage, delay_ns in ((0, 0, 5), (1, 0, 900), (2, 1, 30)):
        tally.sent(arrival(index, stage, 1000), 1000 + delay_ns)
    for one in (
        row("ok"),
        row("ok"),
        row("failed", "http_500"),
        row("missed", "late"),
        row("timed_out", "idle_timeout"),
    ):
        tally.ended(one)
    assert (tally.sent_count, tally.delay_max_ns, dict(tally.stages)) == (3, 900, {0: 2, 1: 1})
    assert dict(tally.errors) == {"http_500": 1, "late": 1, "idle_timeout": 1}
    counts = tally.counts()
    assert (counts.ok, counts.failed, counts.timed_out, counts.missed, counts.aborted) == (2, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("ttft_ns", "index"),
    [(0, 0), (MS, 0), (13 * MS // 10, 1), (10 * MS, 10), (99 * MS, 19), (100 * MS, 20), (10**15, 60)],
)
def test_first_tokens_fall_into_ten_bins_a_decade(ttft_ns: int, index: int) -> None:
    tally = Tally()
    tally.ended(row("ok", ttft_ns=ttft_ns))
    assert tally.ttft.index(1) == index and sum(tally.ttft) == 1
