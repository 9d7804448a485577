"""The bars, and what the raw output says of each: figure, verdict, command. Medians over repeats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from benchmarks.page import RAW

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """`must`, `stretch`: the most (least, where `least`) it may be. `figure` None: not measured."""

    words: str
    unit: str
    must: float
    stretch: float | None
    figure: Callable[[Stored], float | None]
    part: str
    least: bool = False

    def verdict(self, value: float | None) -> str:
        if value is None:
            return "not measured"
        if self.stretch is not None and self._within(value, self.stretch):
            return "stretch"
        return "met" if self._within(value, self.must) else "**missed**"

    def _within(self, value: float, limit: float) -> bool:
        return value >= limit if self.least else value <= limit


def stored() -> Stored:
    """Raw output by part, as far as there is any."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RAW.glob("*.json"))} if RAW.exists() else {}


def median_of(runs: Sequence[dict[str, Any]], *path: str) -> float | None:
    values = []
    for run in runs:
        value: Any = run
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            values.append(float(value))
    return median(values) if values else None


def _of(part: str, *path: str) -> Callable[[Stored], float | None]:
    """`path`: subject in the part, then keys of its runs."""

    def figure(all_: Stored) -> float | None:
        measured = all_.get(part, {}).get("measured", {})
        return median_of(measured.get(path[0], []), *path[1:]) if isinstance(measured, dict) else None

    return figure


def _ratio(above: Callable[[Stored], float | None], below: Callable[[Stored], float | None]) -> Any:
    def figure(all_: Stored) -> float | None:
        first, second = above(all_), below(all_)
        return first / second if first is not None and second else None

    return figure


def _dispersion_off(part: str, subject: str) -> Callable[[Stored], float | None]:
    def figure(all_: Stored) -> float | None:
        measured = all_.get(part, {}).get("measured", {})
        values = [run["dispersion_20ms"] for run in measured.get(subject, ())]
        return abs(mean(values) - 1) if values else None  # a run of 10 s alone is known to 0.06

    return figure


def _long(name: str) -> Callable[[Stored], Any]:
    return lambda all_: all_.get("long", {}).get("measured", {}).get(name)


def _growth(all_: Stored) -> float | None:
    """Of the worker's resident memory from the second quarter of the slice to the last, MB."""
    course = [point for point in all_.get("long", {}).get("measured", {}).get("course", ()) if point["at_s"] > 0]
    load = [point for point in course if point["at_s"] <= all_["long"]["measured"]["seconds"]] if course else []
    if len(load) < 8:
        return None
    quarter = len(load) // 4
    early, last = load[quarter : 2 * quarter], load[-quarter:]
    return float(median(point["rss_mb"] for point in last) - median(point["rss_mb"] for point in early))


def _list_of(part: str, place: int, name: str, scale: float = 1.0) -> Callable[[Stored], float | None]:
    def figure(all_: Stored) -> float | None:
        measured = all_.get(part, {}).get("measured") or []
        value = measured[place].get(name) if place < len(measured) else None
        return value * scale if value is not None else None

    return figure


def _median_list(part: str, name: str) -> Callable[[Stored], float | None]:
    def figure(all_: Stored) -> float | None:
        values = all_.get(part, {}).get("measured", {}).get(name)
        return median(values) if values else None

    return figure


def _cold(name: str) -> Callable[[Stored], Any]:
    return lambda all_: all_.get("cold", {}).get("measured", {}).get(name)


def _against_peers(all_: Stored) -> float | None:
    """Our whole process tree's CPU at the highest rate that both ran, over the best peer's."""
    runs = [run for run in all_.get("peers", {}).get("runs", {}).values() if "failed" not in run]
    for rate in sorted({run["rate"] for run in runs}, reverse=True):
        ours = [run["cpu_s_per_1000"] for run in runs if run["rate"] == rate and run["tool"] == "benchctl"]
        theirs = [run["cpu_s_per_1000"] for run in runs if run["rate"] == rate and run["tool"] != "benchctl"]
        if ours and theirs:
            return float(ours[0] / min(theirs))
    return None


_OURS, _TLS = "ours", "ours tls"
BARS = (
    Bar("reported TTFT less the server's, p50, 300 req/s", "ms", 0.2, None,
        _of("worker", _OURS, "ttft_p50_off_ms"), "worker"),
    Bar("the same, p99", "ms", 1.0, 0.3, _of("worker", _OURS, "ttft_p99_off_ms"), "worker"),
    Bar("gap between tokens, error p99", "ms", 0.3, 0.05, _of("worker", _OURS, "itl_error_ms", "p99"), "worker"),
    Bar("late at the server, p99, half capacity", "ms", 1.0, 0.4,
        _of("pace", "half", "late_at_server_ms", "p99"), "pace"),
    Bar("dispersion at the server off 1, 300 req/s", "", 0.1, None, _dispersion_off("worker", _OURS), "worker"),
    Bar("the same, half capacity", "", 0.1, None, _dispersion_off("pace", "half"), "pace"),
    Bar("the same, four fifths of capacity", "", 0.1, None, _dispersion_off("pace", "four_fifths"), "pace"),
    Bar("CPU per 1,000 requests, records included", "s", 2.0, 1.2, _of("worker", _OURS, "cpu_s_per_1000"), "worker"),
    Bar("the same, all processes, against the best peer", "x", 0.5, None, _against_peers, "peers"),
    Bar("CPU per event against the C floor", "x", 2.0, 1.4,
        _ratio(_of("worker", _OURS, "cpu_us_per_event"), _of("worker", "floor", "cpu_us_per_event")), "worker"),
    Bar("TLS: CPU against without", "x", 1.5, None,
        _ratio(_of("worker", _TLS, "cpu_s_per_1000"), _of("worker", _OURS, "cpu_s_per_1000")), "worker"),
    Bar("TLS: reported TTFT less the server's, p50", "ms", 0.2, None, _of("worker", _TLS, "ttft_p50_off_ms"), "worker"),
    Bar("TLS: the same, p99", "ms", 1.0, 0.3, _of("worker", _TLS, "ttft_p99_off_ms"), "worker"),
    Bar("TLS: gap error p99", "ms", 0.3, 0.05, _of("worker", _TLS, "itl_error_ms", "p99"), "worker"),
    Bar("worker memory at 500 req/s, peak", "MB", 150, None, _long("rss_mb"), "long"),
    Bar("its growth, second quarter of a minute to the last", "MB", 10, None, _growth, "long"),
    Bar("launch to first request", "s", 2.0, 1.0, _median_list("start", "first_request_s"), "start"),
    Bar("merge, 1 M requests x 128 token times", "s", 60, 20, _list_of("merge", 0, "merge_s"), "merge"),
    Bar("its memory", "GB", 3.0, None, _list_of("merge", 0, "merge_rss_mb", 1 / 1024), "merge"),
    Bar("merge, 10 M requests without", "s", 60, 15, _list_of("merge", 1, "merge_s"), "merge"),
    Bar("its memory", "GB", 4.0, None, _list_of("merge", 1, "merge_rss_mb", 1 / 1024), "merge"),
    Bar("function package, unzipped (arm64)", "MB", 90, 50, _cold("unzipped_mb_arm64"), "cold"),
    Bar("import of its entry against aiohttp + aiobotocore", "x", 1.3, 0.7, _cold("ratio"), "cold"),
    Bar("mock server, events/s", "", 60_000, 100_000, lambda all_: _mock_rate(all_), "mock", least=True),
    Bar("plan of 10 M arrivals, written", "s", 15, 5, _list_of("plan", 0, "total_s"), "plan"),
    Bar("its memory", "GB", 2.0, None, _list_of("plan", 0, "rss_mb", 1 / 1024), "plan"),
    Bar("upload for 3 M random requests", "MB", 100, 40, _list_of("plan", 1, "upload_mb"), "plan"),
    Bar("upload for 3 M ShareGPT requests", "MB", 100, 40, _list_of("plan", 2, "upload_mb"), "plan"),
)  # fmt: skip


def _mock_rate(all_: Stored) -> float | None:
    """The most it served of what was offered, one core."""
    runs = all_.get("mock", {}).get("measured") or []
    return max((run["received_per_s"] for run in runs if "received_per_s" in run), default=None)


def table(all_: Stored) -> Iterator[str]:
    machines = sorted({part["machine"] for part in all_.values() if "machine" in part})
    yield "; ".join(machines) + ". Medians over repeats; raw output in `docs/performance/raw/`."
    yield ""
    yield "| bar | figure | must | stretch | verdict | `benchmarks/bench.py` |"
    yield "|---|---|---|---|---|---|"
    for bar in BARS:
        value = bar.figure(all_)
        sign = ">=" if bar.least else "<="
        stretch = f"{sign} {bar.stretch:g}" if bar.stretch is not None else ""
        figure = "-" if value is None else f"{value:,.4g} {bar.unit}".strip()
        yield f"| {bar.words} | {figure} | {sign} {bar.must:g} | {stretch} | {bar.verdict(value)} | {bar.part} |"
    yield ""
    yield from _others(all_)


def _others(all_: Stored) -> Iterator[str]:
    """The same load on others, beside ours."""
    measured = all_.get("worker", {}).get("measured", {})
    columns = (
        "req/s",
        "CPU us an event",
        "TTFT error p50 / p99 ms",
        "gap error p99 ms",
        "late at the server p50 / p99 ms",
    )
    yield f"| 128 tokens a request | {' | '.join(columns)} |"
    yield "|" + "---|" * (len(columns) + 1)
    named = [(name, runs) for name, runs in measured.items() if isinstance(runs, list) and runs]
    pace = all_.get("pace", {}).get("measured", {})
    named += [
        (f"ours, {name.replace('_', ' ')} of capacity", pace[name]) for name in ("half", "four_fifths") if name in pace
    ]
    for name, runs in named:
        pairs = [
            _shown(median_of(runs, "rate"), "g"),
            _shown(median_of(runs, "cpu_us_per_event"), ".1f"),
            " / ".join(_shown(median_of(runs, "ttft_error_ms", share), ".3f") for share in ("p50", "p99")),
            _shown(median_of(runs, "itl_error_ms", "p99"), ".4f"),
            " / ".join(_shown(median_of(runs, "late_at_server_ms", share), ".2f") for share in ("p50", "p99")),
        ]
        yield f"| {name} | " + " | ".join(pairs) + " |"
    if "capacity_per_s" in pace:
        yield ""
        yield f"Capacity, where one core would be full: {pace['capacity_per_s']:.0f} requests/s."


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
