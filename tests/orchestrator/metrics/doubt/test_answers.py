from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.doubt.answers import answers
from orchestrator.metrics.finding import Finding
from orchestrator.metrics.requests import Coded, TokenTimes
from tests.emulators.tables import answered, view

N = 1000


def found(ignore_eos: bool = True, n: int = N, streaming: bool = True, **columns: object) -> dict[str, Finding]:
    requests = answered(np.arange(n) * 0.01, 0.1, **columns)
    return {finding.code: finding for finding in answers(view(requests, n * 0.01, streaming=streaming), ignore_eos)}


def failing(count: int, n: int = N) -> dict[str, object]:
    status = np.zeros(n, np.int8)
    status[:count] = 1
    return {"status": status, "error_kind": Coded(np.where(status > 0, 0, -1).astype(np.int32), ("http_500",))}


@pytest.mark.parametrize(
    ("count", "severity"), [(0, None), (9, None), (10, "degraded"), (999, "degraded"), (1000, "invalid")]
)
def test_errors(count: int, severity: str | None) -> None:
    finding = found(**failing(count)).get("errors")
    assert (finding.severity if finding else None) == severity
    if finding:
        assert "http_500" in finding.message


@pytest.mark.parametrize(("short", "severity"), [(10, None), (11, "degraded")])
def test_output_short(short: int, severity: str | None) -> None:
    output = np.full(N, 8, np.int32)
    output[:short] = 4
    columns = {"output_tokens": output, "asked_tokens": np.full(N, 8, np.int32), "usage": np.ones(N, np.bool_)}
    finding = found(**columns).get("output_short")
    assert (finding.severity if finding else None) == severity
    assert "output_short" not in found(ignore_eos=False, **columns)
    uncounted = {**columns, "usage": np.zeros(N, np.bool_)}
    assert "output_short" not in found(**uncounted), "a tokenizer's recount proves nothing about the length"
    assert "output_short" not in found(**{**columns, "asked_tokens": np.full(N, -1, np.int32)})


def test_malformed_events_are_counted() -> None:
    counts = np.full(N, -1, np.int32)
    counts[:3] = [2, 0, 5]
    finding = found(malformed_events=counts)["malformed_events"]
    assert (finding.severity, finding.numbers["value"], finding.numbers["requests"]) == ("info", 7, 2)
    assert "malformed_events" not in found()


def events(per_request: int, n: int = N) -> TokenTimes:
    return TokenTimes(
        np.arange(n, dtype=np.int64) * per_request,
        np.full(n, per_request, np.int32),
        np.ones(n * per_request, np.uint32),
    )


@pytest.mark.parametrize(("tokens", "said"), [(100, False), (101, False), (102, True), (98, True), (400, True)])
def test_events_not_tokens(tokens: int, said: bool) -> None:
    codes = found(tokens=events(100), output_tokens=np.full(N, tokens, np.int32))
    assert ("events_not_tokens" in codes) == said


def test_unknown_token_counts_are_said_to_be_unknown() -> None:
    unknown = np.full(N, -1, np.int32)
    finding = found(tokens=events(3), output_tokens=unknown)["events_not_tokens"]
    assert finding.numbers["value"] is None
    assert "events_not_tokens" not in found(output_tokens=unknown, streaming=False)


@pytest.mark.parametrize(("every", "said"), [(2, True), (50, True), (N, False)])
def test_answers_without_a_count_among_others_are_said(every: int, said: bool) -> None:
    some = np.full(N, 3, np.int32)
    some[::every] = -1
    codes = found(tokens=events(3), output_tokens=some)
    assert ("events_not_tokens" in codes) == said
    if said:
        assert codes["events_not_tokens"].numbers["value"] == pytest.approx(1 / every, rel=0.05)


@pytest.mark.parametrize(("off", "said"), [(30, False), (80, False), (120, True)])
def test_prompt_tokens_disagree(off: int, said: bool) -> None:
    planned = np.full(N, 1000, np.int32)
    codes = found(planned_tokens=planned, prompt_tokens=planned + np.int32(off))
    assert ("prompt_tokens_disagree" in codes) == said
    assert "prompt_tokens_disagree" not in found(planned_tokens=planned)
    small = np.full(N, 10, np.int32)
    assert "prompt_tokens_disagree" not in found(planned_tokens=small, prompt_tokens=small + np.int32(30))


@pytest.mark.parametrize(("n", "said"), [(1, True), (99, True), (100, False)])
def test_small_sample(n: int, said: bool) -> None:
    assert ("small_sample" in found(n=n)) == said


def test_nothing_planned_says_nothing() -> None:
    assert found(n=0) == {}
