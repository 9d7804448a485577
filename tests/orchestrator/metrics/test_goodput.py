from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.goodput import goodput_of
from orchestrator.metrics.window import Window
from tests.emulators.tables import S, answered, table, tokens_at

WINDOW = Window(0, 100 * S)


def test_99_failures_and_one_good_request_are_one_percent() -> None:
    status = np.ones(100, np.int8)
    status[3] = 0
    good = goodput_of(answered(np.arange(100.0), 0.1, status=status), WINDOW, {"ttft": 0.2}, True)
    assert good.share_of_planned == 0.01
    assert good.as_dict()["attainment"] == {"ttft": 0.01}
    assert good.per_sec == 0.01


def test_every_limit_must_be_met() -> None:
    requests = answered([0.0, 1.0], [0.1, 0.3])
    good = goodput_of(requests, WINDOW, {"ttft": 0.2, "request_latency": 1.0}, True)
    assert (good.good, good.met) == (1, {"ttft": 1, "request_latency": 2})


def test_a_limit_is_met_at_the_limit() -> None:
    assert goodput_of(answered([0.0], 0.25), WINDOW, {"ttft": 0.25}, True).good == 1
    assert goodput_of(answered([0.0], 0.25 + 1e-9), WINDOW, {"ttft": 0.25}, True).good == 0


def gaps(*times: list[int], tokens: list[int]):  # type: ignore[no-untyped-def]
    sent = np.zeros(len(times), np.int64)
    return table(
        len(times),
        sent_ns=sent,
        first_token_ns=np.array([each[0] for each in times]),
        last_token_ns=np.array([each[-1] for each in times]),
        end_ns=np.array([each[-1] for each in times]),
        output_tokens=np.array(tokens, np.int32),
        tokens=tokens_at(sent, list(times)),
    )


def test_itl_is_judged_by_a_requests_mean() -> None:
    requests = gaps([S, S + 10, S + 40], [S, S + 30, S + 60], tokens=[3, 3])
    assert goodput_of(requests, WINDOW, {"itl": 20e-9}, True).good == 1
    assert goodput_of(requests, WINDOW, {"itl": 30e-9}, True).good == 2


def test_one_token_has_nothing_to_be_slow_between() -> None:
    requests = gaps([S], tokens=[1])
    assert goodput_of(requests, WINDOW, {"tpot": 1e-9, "itl": 1e-9}, True).good == 1


@pytest.mark.parametrize("name", ["ttft", "tpot", "itl"])
def test_what_was_not_measured_is_not_met(name: str) -> None:
    assert goodput_of(gaps([S], tokens=[1]), WINDOW, {name: 100.0}, streaming=False).good == 0


def test_unknown_token_counts_are_not_met() -> None:
    requests = gaps([S, S + 10], tokens=[-1])
    assert goodput_of(requests, WINDOW, {"tpot": 100.0}, True).good == 0
    assert goodput_of(requests, WINDOW, {"ntpot": 100.0}, True).good == 0


def test_stages_add_up() -> None:
    one = goodput_of(answered([0.0, 1.0], [0.1, 0.3]), Window(0, 2 * S), {"ttft": 0.2}, True)
    both = one + one
    assert (both.planned, both.good, both.seconds) == (4, 2, 4.0)
    assert both.share_of_planned == 0.5


def test_nothing_planned_is_no_share() -> None:
    empty = goodput_of(answered([], 0.1), Window(0, 0), {"ttft": 0.2}, True)
    assert empty.share_of_planned is None
    assert empty.per_sec is None
