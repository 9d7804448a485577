from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.requests import NEVER
from orchestrator.metrics.throughput import NOTHING, Throughput, work_of
from orchestrator.metrics.window import Window
from tests.emulators.tables import S, ns, table, tokens_at


def stream(sent_s: list[float], token_s: list[list[float]], tokens: list[int], **columns: object):  # type: ignore[no-untyped-def]
    sent = ns(sent_s)
    times = [ns(each).tolist() for each in token_s]
    base = {
        "sent_ns": sent,
        "first_token_ns": np.array([each[0] if each else NEVER for each in times]),
        "last_token_ns": np.array([each[-1] if each else NEVER for each in times]),
        "end_ns": np.array([each[-1] if each else int(at) + S for each, at in zip(times, sent)]),
        "output_tokens": np.array(tokens, np.int32),
        "prompt_tokens": np.full(len(times), 10, np.int32),
        "tokens": tokens_at(sent, times),
    }
    return table(len(times), **{**base, **columns})


def test_tokens_count_by_their_own_time() -> None:
    """The window ends at 10 s: of the second request's four tokens two fell inside, and its prompt was read."""
    requests = stream([1.0, 9.0], [[2.0, 3.0], [9.5, 9.9, 10.1, 10.5]], [2, 4])
    work = work_of(requests, Window(0, 10 * S))
    assert work.requests == 1
    assert work.output_tokens == 2 + 2
    assert work.input_tokens == 20
    assert work.throughput == Throughput(0.1, 2.0, 0.4, 2.4)


def test_an_event_of_several_tokens_is_spread_evenly() -> None:
    requests = stream([9.0], [[9.5, 10.5]], [8])
    assert work_of(requests, Window(0, 10 * S)).output_tokens == pytest.approx(4.0)


def test_an_answer_that_was_not_streamed_counts_at_its_end() -> None:
    inside = stream([1.0], [[]], [7])
    assert work_of(inside, Window(0, 10 * S)).output_tokens == 7
    assert work_of(inside, Window(0, 2 * S)).output_tokens == 0


def test_failures_add_nothing() -> None:
    requests = stream([1.0, 1.0], [[2.0], [2.0]], [1, 5], status=np.array([0, 1], np.int8))
    assert work_of(requests, Window(0, 10 * S)).output_tokens == 1


def test_unknown_counts_are_not_zero() -> None:
    requests = stream([1.0], [[2.0]], [-1], prompt_tokens=np.array([-1], np.int32))
    work = work_of(requests, Window(0, 10 * S))
    assert work.throughput == Throughput(0.1, None, None, None)
    assert (work + work_of(stream([1.0], [[2.0]], [3]), Window(0, 10 * S))).output_tokens == 3


def test_without_a_window_there_is_no_rate() -> None:
    assert work_of(stream([1.0], [[2.0]], [1]), Window(5, 5)) == NOTHING
    assert NOTHING.throughput == Throughput()


def test_where_nothing_succeeded_no_token_came() -> None:
    failed = stream([1.0, 1.0], [[2.0], [2.0]], [1, 5], status=np.array([1, 2], np.int8))
    work = work_of(failed, Window(0, 10 * S))
    assert work.throughput == Throughput(0.0, 0.0, 0.0, 0.0)
    assert (work + work_of(stream([1.0], [[2.0]], [4]), Window(0, 10 * S))).output_tokens == 4
    untold = work_of(stream([1.0], [[2.0]], [-1]), Window(0, 10 * S))
    assert untold.output_tokens is None
    assert (work + untold).output_tokens is None and (untold + NOTHING).output_tokens is None


@pytest.mark.parametrize(("uncounted", "rate"), [(0, 100.0), (1, 99.0), (2, None), (50, None)])
def test_a_sum_over_some_answers_is_no_rate_of_all(uncounted: int, rate: float | None) -> None:
    counts = [10] * (100 - uncounted) + [-1] * uncounted
    requests = stream([1.0] * 100, [[2.0]] * 100, counts)
    assert work_of(requests, Window(0, 10 * S)).throughput.output_tokens_per_sec == rate
