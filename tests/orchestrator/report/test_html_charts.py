"""Charts draw whatever the columns hold, and say in words what they show."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.requests import NEVER, Requests
from orchestrator.report.html_charts import charts
from orchestrator.report.html_timeline import timeline_of
from tests.orchestrator.report.made_requests import Stage
from tests.orchestrator.report.made_summary import LATE, made

RUN = made((Stage(rate=3, seconds=2), Stage(rate=3, seconds=2)), lanes=2, slices=2, findings=(LATE,))
COLUMNS = ("scheduled_ns", "sent_ns", "first_token_ns", "last_token_ns", "end_ns")
S = 1_000_000_000

instants = st.just(NEVER) | st.integers(-S, 0) | st.integers(0, 20 * S) | st.integers(0, 10**14)
rows = st.lists(st.tuples(*[instants] * len(COLUMNS), st.integers(0, 5)), min_size=12, max_size=12)


def bent(drawn: list[tuple[int, ...]]) -> Requests:
    columns = {name: np.array([row[i] for row in drawn]) for i, name in enumerate(COLUMNS)}
    return replace(RUN.requests, **columns, status=np.array([row[-1] for row in drawn], np.int8))


@given(rows)
@settings(max_examples=150, deadline=None)
def test_whatever_the_columns_hold_is_drawn_inside_the_plot(drawn: list[tuple[int, ...]]) -> None:
    page = charts(RUN.summary, bent(drawn))
    assert "nan" not in page and "inf" not in page.replace("interval", "").replace("in flight", "").replace(
        "finding", ""
    )
    for path in re.findall(r' d="([^"]*)"', page):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", path)]
        assert all(-0.1 <= number <= 1000.1 for number in numbers), path
    assert len(page) < 300_000


def test_alternatives_in_words_name_what_is_drawn() -> None:
    run = made((Stage(rate=60, seconds=20, ttft_ms=50),))
    page = charts(run.summary, run.requests)
    (said,) = re.findall(r'aria-label="(Time to first token of[^"]*)"', page)
    low, high = (float(number) for number in re.findall(r"between ([\d.]+)\u00a0ms and ([\d.]+)\u00a0ms", said)[0])
    median = run.summary["latency"]["time_to_first_token"]["p50"] * 1e3
    assert low < median < high
    (rates,) = re.findall(r'aria-label="(Requests per second[^"]*)"', page)
    assert "offered" in rates and "answered" in rates


def test_tooltips_count_every_request_once() -> None:
    run = made((Stage(rate=50, seconds=20, failing=0.2),))
    page = charts(run.summary, run.requests)
    (latency,) = re.findall(r'id="chart-ttft".*?</figure>', page, re.DOTALL)
    (delay,) = re.findall(r'id="chart-delay".*?</figure>', page, re.DOTALL)
    assert sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) ok<", latency)) == run.summary["ledger"]["ok"]
    assert sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) sent<", delay)) == 1000


def test_a_timeline_knows_stages_seams_and_what_is_measured() -> None:
    run = made((Stage(warmup=True, seconds=10), Stage(seconds=20)), lanes=3, slices=3, findings=(LATE,))
    timeline = timeline_of(run.summary, run.requests)
    assert [(stage.stage, stage.from_s, stage.measured) for stage in timeline.stages] == [
        (0, 0.0, False),
        (1, 10.0, True),
    ]
    assert timeline.measured == (1,)
    np.testing.assert_allclose(timeline.seams, (10.0, 20.0), atol=0.5)
    assert [mark.code for mark in timeline.marks] == ["late_tail"]
    assert timeline.codes_in(40.0, 42.0) == ["late_tail"] and timeline.codes_in(0.0, 41.0) == []
    assert timeline.end_s >= timeline.arrivals_end_s


def test_a_long_drain_does_not_squeeze_the_arrivals() -> None:
    run = made((Stage(seconds=10),))
    ends = run.requests.end_ns.copy()
    ends[-1] += 300 * S
    timeline = timeline_of(run.summary, replace(run.requests, end_ns=ends))
    assert timeline.arrivals_end_s < 11 and timeline.end_s > 300
