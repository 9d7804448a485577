"""What lies behind every chart over time: stages, seams between slices, and the findings that name a time.

A stage begins with its window, a slice with its first arrival, which is read off the requests: summary.json holds no
plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from function.contract.keys import parse_shard
from orchestrator.metrics.requests import NEVER, Int64, Requests
from orchestrator.report.charts import Axis, Hit, band, upright
from orchestrator.report.html_markup import Markup, element, join
from orchestrator.report.html_series import Bins

MARKS = 40  # findings drawn
SEAMS = 300  # seams drawn
CLEAR = 30  # more lines than that would be a wall, and are drawn faintly
NAMED, NUMBERED = 0.16, 0.045  # share of the width that a stage's name, or its number alone, needs
TOP = 4


@dataclass(frozen=True, slots=True)
class Band:
    stage: int
    from_s: float
    to_s: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding that lowers the verdict, where it was seen."""

    code: str
    severity: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """`arrivals_end_s`: the last arrival; `end_s`: the last thing that happened."""

    arrivals_end_s: float
    end_s: float
    stages: tuple[Band, ...]
    seams: tuple[float, ...]
    marks: tuple[Mark, ...]

    @property
    def measured(self) -> tuple[int, ...]:
        return tuple(stage.stage for stage in self.stages if stage.measured)

    def backdrop(self, axis: Axis) -> Markup:
        """What is drawn below the data."""
        parts: list[Markup] = []
        for stage in self.stages:
            if not stage.measured:
                parts.append(band(axis.at(stage.from_s), axis.at(stage.to_s), "warmup"))
        for mark in self.marks:
            low, high = axis.at(mark.from_s), axis.at(mark.to_s)
            parts.append(band(low, high, f"mark {mark.severity}"))
            parts.append(band(low, high, f"lid {mark.severity}", TOP))
        style = "seam" if len(self.seams) <= CLEAR else "seam faint"
        parts += [upright(axis.at(seam), style) for seam in self.seams[:SEAMS]]
        style = "stage" if len(self.stages) <= CLEAR else "stage faint"
        parts += [upright(axis.at(stage.from_s), style) for stage in self.stages[1:]]
        return join(parts)

    def labels(self, axis: Axis) -> Markup:
        """Stages' names above the plot, where there is room for them."""
        parts = []
        if len(self.stages) < 2 and all(stage.measured for stage in self.stages):
            return join()
        for stage in self.stages:
            low, high = axis.at(stage.from_s), axis.at(stage.to_s)
            text = str(stage.stage) if high - low < NAMED else f"stage {stage.stage}"
            if not stage.measured and high - low >= NAMED:
                text = "warm-up"
            if high - low >= NUMBERED:
                parts.append(element("text", text, class_="tick name", x=f"{(low + high) * 50:.2f}%", y=-5))
        return join(parts)

    def legend(self) -> list[tuple[str, str]]:
        found = [("stage", "stage begins")] if len(self.stages) > 1 else []
        if self.seams:
            found.append(("seam", "slice seam"))
        for severity in ("degraded", "invalid"):
            if any(mark.severity == severity for mark in self.marks):
                found.append((f"lid {severity}", f"{severity} by a finding"))
        return found

    def codes_in(self, from_s: float, to_s: float) -> list[str]:
        """Codes of the findings that touch the time."""
        return list(dict.fromkeys(mark.code for mark in self.marks if mark.from_s < to_s and mark.to_s >= from_s))


def strips(x: Axis, bins: Bins, timeline: Timeline, words: Callable[[int], list[str]]) -> list[Hit]:
    """What each bin tells when pointed at: its time, `words(k)`, the findings then. Without words it tells nothing."""
    edges = bins.edges_s
    places = x.place(edges)
    hits = []
    for k in range(bins.number):
        said = words(k)
        if said:
            codes = timeline.codes_in(edges[k], edges[k + 1])
            text = "\n".join([f"{edges[k]:.6g}–{edges[k + 1]:.6g} s", *said, *(f"finding: {code}" for code in codes)])
            hits.append(Hit(float(places[k]), float(places[k + 1]), text))
    return hits


def timeline_of(summary: Mapping[str, Any], requests: Requests) -> Timeline:
    due = _due(requests)
    known = due != NEVER
    arrivals_end = float(due[known].max()) / 1e9 if known.any() else 0.0
    instants = (requests.sent_ns, requests.first_token_ns, requests.last_token_ns, requests.end_ns)
    end = max([arrivals_end, *(float(column.max()) / 1e9 for column in instants if column.size)])
    # A short drain keeps all charts on one axis; a long one would squeeze the arrivals.
    shared = end <= 1.2 * arrivals_end
    return Timeline(
        arrivals_end_s=end if shared else arrivals_end,
        end_s=end,
        stages=_bands(summary, requests, due, arrivals_end),
        seams=_seams(requests, due),
        marks=_marks(summary, end),
    )


def _due(requests: Requests) -> Int64:
    """When a request was due; where no plan could say (a closed loop), when it was sent."""
    return np.where(requests.scheduled_ns != NEVER, requests.scheduled_ns, requests.sent_ns)


def _bands(summary: Mapping[str, Any], requests: Requests, due: Int64, end_s: float) -> tuple[Band, ...]:
    measured = {stage["index"] for stage in summary["stages"] if not stage.get("warmup")}
    begins = {stage["index"]: stage["window"]["start_s"] for stage in summary["stages"] if stage.get("window")}
    earliest = _earliest(requests.stage, due)
    starts = sorted((begins.get(stage, first / 1e9), stage) for stage, first in earliest.items())
    ends = [start for start, _ in starts[1:]] + [end_s]
    return tuple(Band(stage, start, max(start, end), stage in measured) for (start, stage), end in zip(starts, ends))


def _seams(requests: Requests, due: Int64) -> tuple[float, ...]:
    earliest = _earliest(requests.shard, due)
    by_slice: dict[tuple[int, int], int] = {}
    for number, start in earliest.items():
        name = parse_shard(requests.shard_ids[number])
        if name.slice > 0:
            group = (name.phase, name.slice)
            by_slice[group] = min(start, by_slice.get(group, start))
    return tuple(sorted(start / 1e9 for start in by_slice.values()))


def _earliest(groups: np.ndarray[tuple[int], np.dtype[np.int32]], due: Int64) -> dict[int, int]:
    """The first instant of each group that has one."""
    known = due != NEVER
    if not known.any():
        return {}
    first = np.full(int(groups.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, groups[known], due[known])
    return {int(group): int(first[group]) for group in np.unique(groups[known])}


def _marks(summary: Mapping[str, Any], end_s: float) -> tuple[Mark, ...]:
    marks = []
    for finding in summary["findings"]:
        low, high = finding["scope"]["from_s"], finding["scope"]["to_s"]
        if finding["severity"] != "info" and not (low is None and high is None):
            low = 0.0 if low is None else low
            marks.append(Mark(finding["code"], finding["severity"], low, end_s if high is None else high))
    return tuple(marks[:MARKS])
