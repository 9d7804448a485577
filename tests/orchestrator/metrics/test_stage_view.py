from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.requests import NEVER
from tests.emulators.tables import S, answered, ns, view


def test_latencies_that_doubts_are_measured_by() -> None:
    found = view(answered(np.arange(100.0), np.arange(100) / 100), 100.0)
    assert found.p50_s == pytest.approx(np.percentile(np.arange(100) / 100, 50))
    assert found.p99_s == pytest.approx(np.percentile(np.arange(100) / 100, 99))
    assert found.word == "TTFT"
    assert view(answered([0.0], 1.0), 1.0, streaming=False).word == "request latency"


def test_of_failures_there_is_none() -> None:
    found = view(answered([0.0, 1.0], 0.1, status=np.ones(2, np.int8)), 2.0)
    assert (found.p50_s, found.p99_s) == (None, None)
    assert found.headline_values[0].size == 0


def test_lateness_counts_from_when_it_could_be_sent() -> None:
    requests = answered([0.0, 1.0, 2.0], 0.1, sent_ns=ns([0.5, 1.5, np.nan]), eligible_ns=ns([0.4, np.nan, 2.0]))
    assert view(requests, 3.0).lateness_ns.tolist() == [S // 10, S // 2]


def test_values_come_in_order_of_scheduled_time() -> None:
    requests = answered([5.0, 1.0, 3.0], [0.5, 0.1, 0.3])
    values, scheduled = view(requests, 6.0).headline_values
    assert scheduled.tolist() == ns([1.0, 3.0, 5.0]).tolist()
    assert values.tolist() == ns([0.1, 0.3, 0.5]).tolist()


@pytest.mark.parametrize(
    ("options", "complete"), [({}, True), ({"cut": True}, False), ({"excused": np.array([False, True])}, False)]
)
def test_a_stage_that_was_cut_or_excused_is_not_complete(options: dict[str, object], complete: bool) -> None:
    requests = answered([0.0, 1.0], 0.1, sent_ns=ns([0.0, 1.0]))
    assert view(requests, 2.0, **options).complete == complete  # type: ignore[arg-type]
    aborted = answered([0.0, 1.0], 0.1, status=np.array([0, 4], np.int8), sent_ns=np.array([0, NEVER]))
    assert not view(aborted, 2.0).complete
