"""The charts of a report: which there are, and those of the load: rates, in flight, the client's own lateness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from orchestrator.metrics.latency import E2E, TTFT
from orchestrator.metrics.requests import FAILED, NEVER, TIMED_OUT, Requests
from orchestrator.metrics.window import answered_ns
from orchestrator.report.charts import Chart, figure, filled, from_zero, legend, line, steps, time_axis, value_axis
from orchestrator.report.html_latency_charts import distribution, over_time
from orchestrator.report.html_markup import Markup, element, join
from orchestrator.report.html_numbers import count, instant, ms, rate, with_ms
from orchestrator.report.html_series import bins_for, in_flight, percentiles_by_bin
from orchestrator.report.html_timeline import Timeline, strips, timeline_of


def charts(summary: Mapping[str, Any], requests: Requests) -> Markup:
    """All that the run has data for; a sentence where it has none."""
    if not requests.sent.any():
        return element("p", "Nothing was sent, so there is nothing to draw.", class_="note")
    timeline = timeline_of(summary, requests)
    found = [figure(chart) for chart in _charts(requests, timeline)]
    return join(legend(timeline.legend()), element("div", found, class_="charts"))


def _charts(requests: Requests, timeline: Timeline) -> Iterator[Chart]:
    streaming = bool((requests.first_token_ns[requests.ok] != NEVER).any())
    if streaming:
        yield from over_time(requests, timeline, TTFT, "chart-ttft", "Time to first token")
    yield from over_time(requests, timeline, E2E, "chart-e2e", "Request latency (E2E)")
    yield _rates(requests, timeline)
    yield _in_flight(requests, timeline)
    yield from distribution(requests, timeline.measured, streaming)
    yield from _schedule_delay(requests, timeline)


def _rates(requests: Requests, timeline: Timeline) -> Chart:
    bins = bins_for(timeline.end_s, len(requests))
    bad = requests.with_status(FAILED, TIMED_OUT)
    instants = {
        "offered": requests.scheduled_ns,
        "achieved": requests.sent_ns,
        "answered": answered_ns(requests)[requests.ok],
        **({"failed": requests.end_ns[bad]} if bad.any() else {}),
    }
    series = {name: bins.counts(times) / bins.width_s for name, times in instants.items()}
    x = time_axis(bins.end_s)
    y = from_zero(max(float(values.max()) for values in series.values()), "per second")
    edges = x.place(bins.edges_s)
    ink = [filled(edges, y.place(series["offered"]), "offered-fill")]
    ink += [steps(edges, y.place(values), name) for name, values in series.items()]
    highest = ", ".join(f"{name} {rate(float(values.max()))}" for name, values in series.items())
    return Chart(
        "chart-rates",
        "Offered, achieved, answered",
        x,
        y,
        join(timeline.backdrop(x), ink),
        f"Requests per second over time. Highest: {highest}.",
        [*((name, "failed or timed out" if name == "failed" else name) for name in series)],
        strips(x, bins, timeline, lambda k: [f"{name} {rate(float(v[k]))}/s" for name, v in series.items()]),
        timeline.labels(x),
        f"Bins of {bins.width_s:g} s: offered when due, achieved when sent, answered when the last token came.",
    )


def _in_flight(requests: Requests, timeline: Timeline) -> Chart:
    known = requests.sent & (requests.end_ns != NEVER)
    unknown = int((requests.sent & ~known).sum())
    bins = bins_for(timeline.end_s)
    found = in_flight(requests.sent_ns[known], requests.end_ns[known], bins)
    x = time_axis(bins.end_s)
    y = from_zero(float(max(found.peak.max(), 1)), "requests")
    edges = x.place(bins.edges_s)
    top = int(found.peak.argmax())
    note = f"Bins of {bins.width_s:g} s; from sent to the end of the answer."
    if unknown:
        note += f" {count(unknown)} sent requests whose end nobody knows are left out."
    ink = (
        filled(edges, y.place(found.peak), "peak-fill"),
        steps(edges, y.place(found.peak), "peak"),
        line(x.place(bins.centres_s), y.place(found.mean), "p50"),
    )
    return Chart(
        "chart-in-flight",
        "In flight",
        x,
        y,
        join(timeline.backdrop(x), ink),
        f"Requests in flight over time: at most {count(float(found.peak[top]))}, at {instant(bins.centres_s[top])} s.",
        [("p50", "mean"), ("peak", "peak")],
        strips(x, bins, timeline, lambda k: [f"mean {rate(float(found.mean[k]))}", f"peak {count(found.peak[k])}"]),
        timeline.labels(x),
        note,
    )


def _schedule_delay(requests: Requests, timeline: Timeline) -> Iterator[Chart]:
    rows = np.flatnonzero(requests.sent & (requests.scheduled_ns != NEVER))
    if not rows.size:
        return
    due = requests.scheduled_ns[rows]
    late_ms = np.maximum(requests.sent_ns[rows] - due, 0) / 1e6
    bins = bins_for(timeline.arrivals_end_s, len(rows))
    counts, by_bin = percentiles_by_bin(bins.place(due), late_ms, bins.number, (0.5, 0.99, 1.0))
    x = time_axis(bins.end_s)
    above = by_bin[by_bin > 1e-3]
    y = value_axis(float(above.min()) if above.size else 0.0, max(float(late_ms.max()), 2e-3), "ms")
    centres, worst = x.place(bins.centres_s), int(late_ms.argmax())
    names = (("p50", "p50"), ("p99", "p99"), ("peak", "largest"))

    def words(k: int) -> list[str]:
        if not counts[k]:
            return []
        values = [f"{name} {ms(float(row[k]) / 1e3)} ms" for row, (_, name) in zip(by_bin, names)]
        return [*values, f"{count(counts[k])} sent"]

    yield Chart(
        "chart-delay",
        "Schedule delay",
        x,
        y,
        join(timeline.backdrop(x), [line(centres, y.place(row), style) for row, (style, _) in zip(by_bin, names)]),
        f"Schedule delay (sent minus scheduled) over time: the largest is {with_ms(float(late_ms[worst]) / 1e3)}, at "
        f"{instant(float(due[worst]) / 1e9)} s; the median of all is {with_ms(float(np.median(late_ms)) / 1e3)}.",
        names,
        strips(x, bins, timeline, words),
        timeline.labels(x),
        "Sent minus scheduled: the client's own lateness, and waiting for load.max_concurrency. The server has no part "
        "in it.",
    )
