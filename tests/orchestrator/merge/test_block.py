from __future__ import annotations

import numpy as np
import pytest

from orchestrator.merge.block import NOTHING, compute, errors_of, per_second, unmeasured
from orchestrator.metrics.latency import KEYS, TTFT
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.requests import Coded
from tests.emulators.tables import answered, table, view


def coded(words: list[str | None]) -> Coded:
    distinct = tuple(dict.fromkeys(word for word in words if word is not None))
    return Coded(np.array([-1 if word is None else distinct.index(word) for word in words], np.int32), distinct)


def test_errors_are_grouped_by_kind_and_http_status() -> None:
    requests = table(
        6,
        status=np.array([0, 1, 1, 1, 2, 3], np.int8),
        http_status=np.array([200, 500, 500, 200, -1, -1], np.int32),
        error_kind=coded([None, "http_500", "http_500", "truncated", "connect_timeout", "late"]),
        error_message=coded([None, "boom", "bang", None, "slow", None]),
    )
    assert [(e.error_kind, e.http_status, e.count, e.sample) for e in errors_of(requests)] == [
        ("http_500", 500, 2, "boom"),
        ("connect_timeout", None, 1, "slow"),
        ("truncated", 200, 1, None),
    ]


def test_no_errors() -> None:
    assert errors_of(table(3)) == ()
    assert errors_of(table(0)) == ()


def test_a_block_without_intervals_keeps_its_percentiles() -> None:
    own = view(answered(np.arange(0, 100, 0.05), 0.2), 100.0)
    rates = per_second(own, {"ttft": 0.3})
    sure = compute(own.requests, [own], rates, with_intervals=True)
    bare = compute(own.requests, [own], rates, with_intervals=False)
    assert sure.block.latency[TTFT].interval(50.0) is not None
    assert bare.block.latency[TTFT].interval(50.0) is None
    assert bare.block.latency[TTFT].values == sure.block.latency[TTFT].values
    assert bare.sure == {}
    assert sure.block.goodput is not None
    assert sure.block.goodput.share_of_planned == 1.0


def test_per_second_of_stages_adds_up_and_nothing_is_neutral() -> None:
    one = per_second(view(answered(np.arange(0, 10, 0.1), 0.2), 10.0), {"ttft": 0.3})
    two = per_second(view(answered(np.arange(0, 20, 0.1), 0.2), 20.0), {"ttft": 0.3})
    both = NOTHING + one + two
    assert both.counts.rates.offered == pytest.approx(10.0)
    assert both.good is not None
    assert both.good.planned == 300


def test_the_unmeasured_have_a_ledger_and_nothing_else() -> None:
    block = unmeasured(Ledger(planned=3, ok=3))
    assert list(block.latency) == list(KEYS)
    assert block.ledger.planned == 3
    assert {dist.count for dist in block.latency.values()} == {0}
    assert {adjusted.reason for adjusted in block.adjusted.values()} == {"not measured"}
