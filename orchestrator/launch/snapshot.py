"""Where a run stands, as numbers for people: built from the plan and from what workers last wrote about themselves.

For the eyes only. What is published comes from the records; the TTFT here is read off a coarse histogram.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from function.contract.control import Progress
from function.contract.plan import Plan, StagePlan
from function.contract.receipt import Receipt
from orchestrator.launch.roster import Group, Shard
from orchestrator.launch.timetable import SECOND_NS, ns

RATE_WINDOW_NS = 5 * SECOND_NS
STALE_NS = 3 * SECOND_NS  # a count that stands still for so long is a rate of zero
COUNTS = ("ok", "failed", "timed_out", "missed", "aborted")


@dataclass(frozen=True, slots=True)
class StageView:
    """`state`: ahead, running or over. `requests` None: not known beforehand."""

    index: int
    label: str
    type: str
    requests: int | None
    duration_s: float | None
    sent: int
    state: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`shards`: state -> count. Rates in requests/s, over the last seconds; None where there is nothing to say yet."""

    elapsed_s: float
    remaining_s: float | None
    planned: int | None
    sent: int
    counts: dict[str, int]
    in_flight: int
    offered: float | None
    achieved: float | None
    ttft_ms: tuple[float, float] | None  # p50, p90
    stages: tuple[StageView, ...]
    shards: dict[str, int]
    errors: dict[str, int]

    @property
    def current(self) -> tuple[StageView, ...]:
        return tuple(stage for stage in self.stages if stage.state == "running")


class Board:
    """What is known of a run's progress; fed by whoever watches, asked for a snapshot whenever somebody looks."""

    def __init__(self, plan: Plan, groups: Iterable[Group]) -> None:
        self._plan = plan
        self._groups = tuple(groups)
        self._progress: dict[tuple[str, int], Progress] = {}
        self._receipts: dict[str, Receipt] = {}
        self._history: deque[tuple[int, int]] = deque()

    def progress(self, progress: Progress) -> None:
        self._progress[progress.shard, progress.attempt] = progress

    def receipt(self, receipt: Receipt) -> None:
        self._receipts[receipt.shard] = receipt

    def snapshot(self, now_ns: int) -> Snapshot:
        """`now_ns` is unix time on the store's clock, like t0."""
        heard = [found for group in self._groups for shard in group.shards if (found := self._heard(shard))]
        sent = sum(one.sent for one in heard)
        stages = tuple(self._stage(stage, heard, now_ns) for stage in self._plan.stages)
        t0 = next((group.go.run_t0_unix_ns for group in self._groups if group.go is not None), None)
        return Snapshot(
            elapsed_s=0.0 if t0 is None else max(0.0, (now_ns - t0) / SECOND_NS),
            remaining_s=self._remaining_s(now_ns),
            planned=self._plan.requests,
            sent=sent,
            counts=self._counts(heard),
            in_flight=sum(one.in_flight for one in heard if one.state != "ended"),
            offered=self._offered(stages),
            achieved=self._achieved(sent, now_ns),
            ttft_ms=_quantiles(_added(one.ttft for one in heard)),
            stages=stages,
            shards=dict(Counter(self.word(group, shard) for group in self._groups for shard in group.shards)),
            errors=dict(sum((Counter(one.errors) for one in heard), Counter[str]()).most_common()),
        )

    def word(self, group: Group, shard: Shard) -> str:
        """What a shard is doing, in one word."""
        receipt = self._receipts.get(shard.id)
        if receipt is not None and shard.granted in (None, receipt.attempt):
            return "complete" if receipt.reason == "complete" else "stopped"
        if shard.granted is not None:
            heard = self._heard(shard)
            if shard.over or group.closed:
                return "died"
            return "waiting" if heard is None or heard.state == "ended" else heard.state
        if group.go is not None or group.skipped:
            return "not granted"
        latest = shard.latest
        if latest is None:
            return "planned"
        if latest.ended:
            return "died"
        return "starting" if latest.ready is None else "ready"

    def _heard(self, shard: Shard) -> Progress | None:
        """The last word of the attempt that may send."""
        return None if shard.granted is None else self._progress.get((shard.id, shard.granted))

    def _counts(self, heard: Iterable[Progress]) -> dict[str, int]:
        total: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        for one in heard:
            receipt = self._receipts.get(one.shard)
            source = receipt.counts if receipt is not None and receipt.attempt == one.attempt else one
            total.update({name: getattr(source, name) for name in COUNTS})
        return dict(total)

    def _t0(self, phase: int) -> int | None:
        return next((g.go.t0_unix_ns for g in self._groups if g.phase == phase and g.go is not None), None)

    def _stage(self, stage: StagePlan, heard: Iterable[Progress], now_ns: int) -> StageView:
        t0 = self._t0(stage.phase)
        sent = sum(one.stages.get(stage.index, 0) for one in heard)
        state = "ahead"
        if t0 is not None and now_ns >= t0 + ns(stage.start_s):
            state = "running"
            later = any(self._t0(group.phase) for group in self._groups if group.phase > stage.phase)
            ended = stage.duration_s is not None and now_ns >= t0 + ns(stage.start_s + stage.duration_s)
            full = stage.duration_s is None and stage.requests is not None and sent >= stage.requests
            state = "over" if later or ended or full else "running"
        return StageView(stage.index, stage.label, stage.type, stage.requests, stage.duration_s, sent, state)

    def _remaining_s(self, now_ns: int) -> float | None:
        """Until the last planned instant; None while that is not known."""
        last = self._plan.phases[-1]
        t0, end_ns = self._t0(last.index), last.slices[-1].end_ns
        return None if t0 is None or end_ns is None else max(0.0, (t0 + end_ns - now_ns) / SECOND_NS)

    def _offered(self, stages: tuple[StageView, ...]) -> float | None:
        running = {stage.index for stage in stages if stage.state == "running"}
        rates = [stage.rate for stage in self._plan.stages if stage.index in running and stage.rate is not None]
        return sum(rates) if rates else None

    def _achieved(self, sent: int, now_ns: int) -> float | None:
        """Between two changes of the count: workers tell it once a second, and from between it would look low."""
        history = self._history
        if not history or sent != history[-1][1] or now_ns - history[-1][0] >= STALE_NS:
            history.append((now_ns, sent))
        while len(history) > 2 and now_ns - history[1][0] >= RATE_WINDOW_NS:
            history.popleft()
        span_s = (history[-1][0] - history[0][0]) / SECOND_NS
        return (history[-1][1] - history[0][1]) / span_s if span_s >= 1 else None


def _added(histograms: Iterable[tuple[int, ...]]) -> list[int]:
    total: list[int] = []
    for histogram in histograms:
        total += [0] * (len(histogram) - len(total))
        for place, count in enumerate(histogram):
            total[place] += count
    return total


def _quantiles(histogram: list[int]) -> tuple[float, float] | None:
    """p50 and p90 in ms: the middle, on the log scale, of the bin they fall in."""
    whole = sum(histogram)
    if whole == 0:
        return None
    found = []
    for share in (0.5, 0.9):
        below, place = 0, 0
        for place, count in enumerate(histogram):  # noqa: B007  read after the loop
            below += count
            if below >= share * whole:
                break
        found.append(10 ** ((place + 0.5) / 10))
    return found[0], found[1]
