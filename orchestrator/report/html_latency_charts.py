"""Charts of latency: over the time requests were due, and its distribution from sent and from scheduled.

Of requests that succeeded, as in the tables. Warm-up stages are drawn over time, and left out of the distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.metrics.latency import E2E, E2E_FROM_SCHEDULED, TTFT, TTFT_FROM_SCHEDULED, measure
from orchestrator.metrics.requests import NEVER, Requests
from orchestrator.report.charts import Axis, Chart, Hit, dots, line, log_axis, nines_axis, time_axis, value_axis
from orchestrator.report.html_markup import join
from orchestrator.report.html_numbers import count, instant, ms, share, with_ms
from orchestrator.report.html_series import Floats, bins_for, curve, percentiles_by_bin, slowest_of_each, thinned
from orchestrator.report.html_timeline import Timeline, strips

SHARES = (0.5, 0.9, 0.99)
NAMES = ("p50", "p90", "p99")  # styles as well
READINGS = 60  # strips of the distribution that tell its shares


def over_time(requests: Requests, timeline: Timeline, key: str, name: str, title: str) -> Iterator[Chart]:
    found = measure(key, requests, requests.ok & (requests.scheduled_ns != NEVER), True)
    if not found.values.size:
        return
    values, due = found.values / 1e6, requests.scheduled_ns[found.rows]
    bins = bins_for(timeline.arrivals_end_s, len(values))
    place = bins.place(due)
    counts, by_bin = percentiles_by_bin(place, values, bins.number, SHARES)
    x = time_axis(bins.end_s)
    y = value_axis(max(float(values.min()), 1e-3), max(float(values.max()), 2e-3), "ms")
    across, up = x.place(due / 1e9), y.place(values)
    shown = thinned(across, up, slowest_of_each(place, values, bins.number))
    centres = x.place(bins.centres_s)
    lines = [line(centres, y.place(row), style) for row, style in zip(by_bin, NAMES)]

    def words(k: int) -> list[str]:
        if not counts[k]:
            return []
        return [*(f"{name} {ms(float(row[k]) / 1e3)} ms" for row, name in zip(by_bin, NAMES)), f"{count(counts[k])} ok"]

    yield Chart(
        name,
        title,
        x,
        y,
        join(timeline.backdrop(x), dots(across[shown], up[shown], "dots"), reversed(lines)),
        f"{title} of successful requests over the time they were due. {_course(by_bin, bins.centres_s)}",
        [*zip(NAMES, NAMES), ("dots", _drawn(len(shown), len(values)))],
        strips(x, bins, timeline, words),
        timeline.labels(x),
        f"By scheduled time, bins of {bins.width_s:g} s. p99 of under 100 requests is little more than the slowest.",
    )


def _course(by_bin: Floats, centres_s: Floats) -> str:
    worst = int(np.nanargmax(by_bin[2]))
    return (
        f"Their median lies between {with_ms(float(np.nanmin(by_bin[0])) / 1e3)} and "
        f"{with_ms(float(np.nanmax(by_bin[0])) / 1e3)}; p99 is highest, {with_ms(float(by_bin[2][worst]) / 1e3)}, at "
        f"{instant(float(centres_s[worst]))} s."
    )


def _drawn(shown: int, all_: int) -> str:
    return "one request" if shown == all_ else f"one request ({count(shown)} of {count(all_)} drawn)"


def distribution(requests: Requests, measured: tuple[int, ...], streaming: bool) -> Iterator[Chart]:
    """`measured`: the stages that are no warm-up."""
    keys = (TTFT, TTFT_FROM_SCHEDULED) if streaming else (E2E, E2E_FROM_SCHEDULED)
    word = "Time to first token" if streaming else "Request latency (E2E)"
    chosen = requests.ok & np.isin(requests.stage, measured) & (requests.scheduled_ns != NEVER)
    sent, scheduled = (np.sort(measure(key, requests, chosen, True).values) / 1e6 for key in keys)
    if sent.size < 2:
        return
    (sent_ms, sent_share), (due_ms, due_share) = curve(sent), curve(scheduled)
    x = log_axis(max(1e-3, float(min(sent[0], scheduled[0]))), max(float(scheduled[-1]), float(sent[-1]), 2e-3), "ms")
    y = nines_axis(len(sent), "% of successful requests")
    yield Chart(
        "chart-cdf",
        f"{word}, distribution",
        x,
        y,
        join(
            line(x.place(due_ms), y.place(due_share), "scheduled"), line(x.place(sent_ms), y.place(sent_share), "p50")
        ),
        f"{word}: share of successful requests that were at most so slow. Half were within "
        f"{with_ms(float(np.median(sent)) / 1e3)} from sent and "
        f"{with_ms(float(np.median(scheduled)) / 1e3)} from scheduled.",
        [("p50", "from sent"), ("scheduled", "from scheduled")],
        [_reading(x, k, sent, scheduled) for k in range(READINGS)],
        x_title="ms",
        note="Each further nine takes the same height, so that the slow tail can be read. Where the lines part, "
        "requests were sent late.",
    )


def _reading(x: Axis, k: int, sent_ms: Floats, due_ms: Floats) -> Hit:
    """`sent_ms`, `due_ms`: sorted."""
    at_ms = float(x.low * (x.high / x.low) ** ((k + 0.5) / READINGS))
    within = [share(int(np.searchsorted(values, at_ms, "right")) / values.size) for values in (sent_ms, due_ms)]
    text = f"within {ms(at_ms / 1e3)} ms\n{within[0]} from sent\n{within[1]} from scheduled"
    return Hit(k / READINGS, (k + 1) / READINGS, text)
