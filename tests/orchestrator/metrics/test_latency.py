"""Each definition on numbers worked out by hand, then the pooled gaps against a slow loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics import latency
from orchestrator.metrics.latency import KEYS, Measured, headline, measure
from orchestrator.metrics.requests import NEVER, Requests
from tests.emulators.tables import ns, table, tokens_at

MS = 1_000_000


def one(**columns: object) -> Requests:
    """Due at 0, sent at 5 ms, tokens at 105, 125, 165 ms; its end at 170 ms."""
    sent = np.array([5 * MS])
    base = {
        "scheduled_ns": np.array([0]),
        "sent_ns": sent,
        "first_token_ns": np.array([105 * MS]),
        "first_content_token_ns": np.array([125 * MS]),
        "last_token_ns": np.array([165 * MS]),
        "end_ns": np.array([170 * MS]),
        "output_tokens": np.array([4], np.int32),
        "tokens": tokens_at(sent, [[105 * MS, 125 * MS, 165 * MS]]),
    }
    return table(1, **{**base, **columns})


def of(key: str, requests: Requests, streaming: bool = True) -> list[float]:
    return [value / MS for value in measure(key, requests, requests.ok, streaming).values.tolist()]


@pytest.mark.parametrize(
    ("key", "ms"),
    [
        (latency.TTFT, [100]),
        (latency.TTFT_FROM_SCHEDULED, [105]),
        (latency.CONTENT, [120]),
        (latency.ITL, [20, 40]),
        (latency.TPOT, [60 / 3]),
        (latency.NTPOT, [160 / 4]),
        (latency.E2E, [160]),
        (latency.E2E_FROM_SCHEDULED, [165]),
    ],
)
def test_definitions(key: str, ms: list[float]) -> None:
    assert of(key, one()) == ms


def test_one_token_has_a_ttft_and_no_tpot() -> None:
    first = np.array([105 * MS])
    single = one(
        last_token_ns=first, output_tokens=np.array([1], np.int32), tokens=tokens_at(np.array([5 * MS]), [[105 * MS]])
    )
    assert of(latency.TTFT, single) == [100]
    assert of(latency.TPOT, single) == []
    assert of(latency.ITL, single) == []
    assert of(latency.NTPOT, single) == [100]


def test_an_empty_output_is_no_zero() -> None:
    assert of(latency.NTPOT, one(output_tokens=np.array([0], np.int32))) == []
    assert of(latency.NTPOT, one(output_tokens=np.array([-1], np.int32))) == []


def test_without_streaming_only_the_whole_time_is_known() -> None:
    never = np.array([NEVER])
    whole = one(first_token_ns=never, last_token_ns=never, tokens=tokens_at(np.array([5 * MS]), [[]]))
    for key in KEYS:
        expected = {latency.E2E: [165], latency.E2E_FROM_SCHEDULED: [170], latency.NTPOT: [165 / 4]}
        assert of(key, whole, streaming=False) == expected.get(key, [])
    assert headline(False) == latency.E2E
    assert headline(True) == latency.TTFT


def test_only_chosen_rows_are_measured() -> None:
    requests = one()
    assert measure(latency.ITL, requests, np.zeros(1, np.bool_), True).values.size == 0


each = st.lists(st.lists(st.integers(0, 10**6), max_size=5).map(sorted), min_size=1, max_size=12)


@given(each, st.data())
@settings(max_examples=150)
def test_pooled_gaps_are_those_of_a_slow_loop(times: list[list[int]], data: st.DataObject) -> None:
    n = len(times)
    requests = table(n, sent_ns=np.zeros(n, np.int64), tokens=tokens_at(np.zeros(n, np.int64), times))
    order = np.array(data.draw(st.permutations(range(n))))
    requests = requests.take(order)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    found = measure(latency.ITL, requests, chosen, True)
    gaps = {
        int(row): [b - a for a, b in zip(times[order[row]], times[order[row]][1:])] for row in np.flatnonzero(chosen)
    }
    assert split(found) == {row: own for row, own in gaps.items() if own}


def split(found: Measured) -> dict[int, list[int]]:
    assert found.per_row is not None or not found.rows.size
    ends = np.cumsum(found.per_row) if found.per_row is not None else []
    return {
        int(row): found.values[end - size : end].tolist()
        for row, end, size in zip(found.rows, ends, found.per_row if found.per_row is not None else [])
    }


def test_nothing_never_becomes_a_number() -> None:
    lost = one(first_token_ns=np.array([NEVER]), last_token_ns=np.array([NEVER]), end_ns=ns([np.nan]))
    assert of(latency.TTFT, lost) == of(latency.E2E, lost) == []
