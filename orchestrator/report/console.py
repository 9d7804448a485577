"""The report on the console: verdict and findings first, then the ledger, then what was measured. Milliseconds here.

Plain text and tables that survive a log file: without a terminal rich leaves out colours, and no line relies on one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from orchestrator.merge.summary import Block, Summary, Tokens
from orchestrator.metrics.dist import Dist
from orchestrator.metrics.finding import Finding
from orchestrator.metrics.latency import CONTENT, E2E, E2E_FROM_SCHEDULED, ITL, NTPOT, TPOT, TTFT, TTFT_FROM_SCHEDULED
from orchestrator.metrics.ledger import Ledger
from orchestrator.report.fitting import Fitting

STYLES = {"VALID": "bold green", "DEGRADED": "bold yellow", "INVALID": "bold red"}
WORDS = {
    "VALID": "the numbers can be used",
    "DEGRADED": "the numbers stand, with what is listed here",
    "INVALID": "do not use the numbers",
}
PARTS = ("planned", "ok", "failed", "timed_out", "missed", "aborted", "lost")
SHOWN = (50.0, 90.0, 95.0, 99.0)
PAIRS = (("TTFT", TTFT, TTFT_FROM_SCHEDULED), ("request latency", E2E, E2E_FROM_SCHEDULED))
SINGLES = (("ITL", ITL), ("TPOT", TPOT), ("NTPOT", NTPOT), ("first content token", CONTENT))
_GAP = Text("")
MOST_STAGES, MOST_ERRORS, MOST_INFO = 40, 8, 6


def render(summary: Summary, paths: Sequence[Path] = ()) -> RenderableType:
    """What launch, merge, report and attach print for people (`Outcome.human`)."""
    return Group(*_parts(summary, paths))


def _parts(summary: Summary, paths: Sequence[Path]) -> Iterator[RenderableType]:
    yield Text.assemble((summary.verdict, STYLES[summary.verdict]), f"  run {summary.run_id}: {WORDS[summary.verdict]}")
    yield from _findings(summary.findings)
    yield _GAP
    yield Text(_headline(summary))
    yield Fitting(_ledger(summary), _ledger_lines(summary))
    yield _GAP
    yield Fitting(_latency(summary.run), _latency_apart(summary.run), _latency_lines(summary.run))
    yield from _legend(summary.run)
    yield _GAP
    yield from (Text(line) for line in (*_load(summary.run), *_regions(summary)))
    yield from _errors(summary.run)
    yield _GAP
    yield from (Text(str(path), overflow="fold") for path in _ranked(paths))


def _findings(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Grave ones in full; what is only worth knowing as one line by code."""
    for finding in findings:
        if finding.severity == "info":
            continue
        style = STYLES["INVALID" if finding.severity == "invalid" else "DEGRADED"]
        yield Padding(
            Text.assemble((f"{finding.severity}  {finding.code}", style), f"  {_printable(finding.message)}"),
            (0, 0, 0, 2),
        )
        yield Padding(Text(finding.advice, style="dim"), (0, 0, 0, 4))
    info = [finding for finding in findings if finding.severity == "info"]
    counts = Counter(finding.code for finding in info)
    for code in list(counts)[:MOST_INFO]:
        first = next(finding for finding in info if finding.code == code)
        more = f" (and {counts[code] - 1} more of these)" if counts[code] > 1 else ""
        yield Padding(Text.assemble(("info", "dim"), f"  {code}  {_printable(first.message)}{more}"), (0, 0, 0, 2))
    if len(counts) > MOST_INFO:
        yield Padding(Text(f"and {', '.join(list(counts)[MOST_INFO:])}: see the report", style="dim"), (0, 0, 0, 2))


def _headline(summary: Summary) -> str:
    ledger = summary.ledger
    bad = ledger.failed + ledger.timed_out
    if not ledger.planned:
        return "nothing was planned"
    said = [f"{_percent(bad / ledger.planned)} failed ({bad:,} of {ledger.planned:,} planned)"] if bad else []
    for name, words in (("missed", "not sent"), ("aborted", "aborted"), ("lost", "lost")):
        count = getattr(ledger, name)
        if count:
            said.append(f"{_percent(count / ledger.planned)} {words} ({count:,})")
    return "; ".join(said) if said else f"all {ledger.planned:,} planned requests succeeded"


def _ledger(summary: Summary) -> Table:
    """By stage, the whole last."""
    table = Table("stage", "load", box=None, pad_edge=False)
    for part in PARTS:
        table.add_column(part.replace("_", " "), justify="right")
    for stage in summary.stages[:MOST_STAGES]:
        label = f"{stage.label}{' (warm-up)' if stage.warmup else ''}"
        table.add_row(str(stage.index), escape(label), *_counts(stage.block.ledger))
    if len(summary.stages) > MOST_STAGES:
        table.add_row("...", f"{len(summary.stages) - MOST_STAGES} more")
    if len(summary.stages) != 1:
        table.add_row("all", "", *_counts(summary.ledger))
    return table


def _ledger_lines(summary: Summary) -> Text:
    """The same for any width: words, that fold."""
    rows = [(f"stage {stage.index}, {stage.label}", stage.block.ledger) for stage in summary.stages[:MOST_STAGES]]
    if len(summary.stages) != 1:
        rows.append(("all", summary.ledger))
    words = [part.replace("_", " ") for part in PARTS]
    lines = (f"{name}: " + ", ".join(map(" ".join, zip(words, _counts(ledger)))) for name, ledger in rows)
    return Text("\n".join(lines))


def _counts(ledger: Ledger) -> list[str]:
    return [f"{getattr(ledger, part):,}" for part in PARTS]


@dataclass(frozen=True, slots=True)
class _Metric:
    """One row of latencies: for each of SHOWN the value from sent and from scheduled, and below each its interval."""

    name: str
    sent: tuple[str, ...]
    scheduled: tuple[str, ...] = ("",) * len(SHOWN)
    sent_half: tuple[str, ...] = ("",) * len(SHOWN)
    scheduled_half: tuple[str, ...] = ("",) * len(SHOWN)

    @property
    def has_scheduled(self) -> bool:
        return any(self.scheduled)


def _metrics(block: Block) -> Iterator[_Metric]:
    grade = block.interval_grade
    for name, sent, scheduled in PAIRS:
        if block.latency[sent].count:
            values = [_values(block.latency[key]) for key in (sent, scheduled)]
            halves = [_halves(block.latency[key], grade) for key in (sent, scheduled)]
            yield _Metric(name, values[0], values[1], halves[0], halves[1])
    for name, key in SINGLES:
        if block.latency[key].count and not _same(block, key):
            yield _Metric(name, _values(block.latency[key]), sent_half=_halves(block.latency[key], grade))
    if block.ledger.ok != block.ledger.planned:
        name, sent, scheduled = PAIRS[0] if block.latency[TTFT].count else PAIRS[1]
        whole = [tuple(map(_or_infinite, block.adjusted[key].values)) for key in (sent, scheduled)]
        yield _Metric(f"{name}, all planned", whole[0], whole[1])


def _latency(block: Block) -> Table:
    """From sent and from scheduled side by side; below, half the interval of each number that has one."""
    table = Table("latency, ms", box=None, pad_edge=False)
    for p in SHOWN:
        table.add_column(f"p{p:g} sent", justify="right")
        table.add_column("scheduled", justify="right", style="dim")
    for metric in _metrics(block):
        table.add_row(metric.name, *_woven(metric.sent, metric.scheduled))
        halves = _woven(metric.sent_half, metric.scheduled_half)
        if any(halves):
            table.add_row("  ±", *halves, style="dim")
    return table


def _latency_apart(block: Block) -> Table:
    """The same for 80 columns: a row from sent, and below it one from scheduled."""
    table = Table("latency, ms", "from", *(Column(f"p{p:g}", justify="right") for p in SHOWN), box=None, pad_edge=False)
    for metric in _metrics(block):
        table.add_row(metric.name, "sent", *metric.sent)
        if any(metric.sent_half):
            table.add_row("", "  ±", *metric.sent_half, style="dim")
        if metric.has_scheduled:
            table.add_row("", "scheduled", *metric.scheduled)
        if any(metric.scheduled_half):
            table.add_row("", "  ±", *metric.scheduled_half, style="dim")
    return table


def _latency_lines(block: Block) -> Text:
    """The same for any width: words, that fold."""
    lines = ["latency, ms"]
    for metric in _metrics(block):
        lines.append(f"{metric.name} from sent: {_listed(metric.sent, metric.sent_half)}")
        if metric.has_scheduled:
            lines.append(f"{metric.name} from scheduled: {_listed(metric.scheduled, metric.scheduled_half)}")
    return Text("\n".join(lines))


def _listed(values: Sequence[str], halves: Sequence[str]) -> str:
    said = (f"p{p:g} {value}" + (f" (± {half})" if half else "") for p, value, half in zip(SHOWN, values, halves))
    return ", ".join(said)


def _woven(sent: Sequence[str], scheduled: Sequence[str]) -> list[str]:
    return [one for pair in zip(sent, scheduled) for one in pair]


def _values(dist: Dist) -> tuple[str, ...]:
    return tuple(_ms(dist.at(p)) for p in SHOWN)


def _halves(dist: Dist, grade: str | None) -> tuple[str, ...]:
    return tuple(_half(dist, p, grade) for p in SHOWN)


def _legend(block: Block) -> Iterator[RenderableType]:
    """Which interval it is that was printed."""
    if any(interval is not None for dist in block.latency.values() for interval in dist.ci95):
        fair = " ≥: the run saw few busy spells, so at least that." if block.interval_grade == "fair" else ""
        yield Text(
            f"± is half the 95 % interval under this run's conditions; only repeats speak of the system.{fair}",
            style="dim",
        )


def _same(block: Block, key: str) -> bool:
    """The first content token is worth a line only where something else came before it."""
    return key == CONTENT and block.latency[CONTENT].values == block.latency[TTFT].values


def _half(dist: Dist, percentile: float, grade: str | None) -> str:
    """Half the 95 % interval as a share of the value; empty where none is published."""
    value = dist.at(percentile)
    interval = dist.interval(percentile) if percentile != 95.0 else None
    if value is None or interval is None or value <= 0:
        return ""
    percent = 50 * (interval[1] - interval[0]) / value
    return f"{'≥' if grade == 'fair' else ''}{percent:.2g} %"


def _counted(tokens: Tokens) -> str:
    by = {"usage": tokens.by_usage, "tokenizer": tokens.by_tokenizer}
    named = [word for word, answers in by.items() if answers]
    if not named:
        return "nobody counted them"
    if len(named) == 1 and not tokens.uncounted:
        return f"counted by {named[0]}"
    shares = [f"{by[word]:,} answers by {word}" for word in named]
    return "counted: " + ", ".join(shares) + (f", {tokens.uncounted:,} by nobody" if tokens.uncounted else "")


def _load(block: Block) -> Iterator[str]:
    rates, work, tokens = block.load.rates, block.throughput, block.tokens
    counted = _counted(tokens)
    yield (
        f"per second: offered {_rate(rates.offered)}, achieved {_rate(rates.achieved)}, "
        f"answered {_rate(rates.answered)}; output tokens {_rate(work.output_tokens_per_sec)} ({counted}), "
        f"input tokens {_rate(work.input_tokens_per_sec)}"
    )
    delay = block.load.schedule_delay
    if delay.count:
        yield f"schedule delay: p50 {_ms(delay.at(50.0))} ms, p99 {_ms(delay.at(99.0))} ms, max {_ms(delay.max)} ms"
    if block.goodput is not None:
        limits = ", ".join(f"{name} <= {limit:g} s" for name, limit in block.goodput.constraints.items())
        share = block.goodput.share_of_planned
        yield (
            f"goodput ({limits}): {'-' if share is None else _percent(share)} of planned, "
            f"{_rate(block.goodput.per_sec)} per second"
        )


def _regions(summary: Summary) -> Iterator[str]:
    for region in summary.regions:
        word, key, _ = PAIRS[0] if region.latency[TTFT].count else PAIRS[1]
        dist, ledger = region.latency[key], region.ledger
        times = f"{word} p50 {_ms(dist.at(50.0))} ms, p99 {_ms(dist.at(99.0))} ms"
        yield f"{region.region}: {ledger.ok:,} ok of {ledger.planned:,} from {region.lanes:,} lanes, {times}"


def _errors(block: Block) -> Iterator[RenderableType]:
    if not block.errors:
        return
    whole = [Column(head, no_wrap=True) for head in ("errors", "http", "count")]  # only the last one folds
    table = Table(*whole, Column("for example", overflow="fold"), box=None, pad_edge=False)
    for error in block.errors[:MOST_ERRORS]:
        status = "" if error.http_status is None else str(error.http_status)
        table.add_row(error.error_kind, status, f"{error.count:,}", escape(_short(error.sample or "")))
    if len(block.errors) > MOST_ERRORS:
        table.add_row("...", "", f"{sum(error.count for error in block.errors[MOST_ERRORS:]):,}", "")
    yield table


def _ranked(paths: Sequence[Path]) -> list[Path]:
    """The page first, then what scripts read."""
    return sorted(paths, key=lambda path: (path.suffix != ".html", path.suffix != ".parquet"))


def _ms(seconds: float | None) -> str:
    """Four digits that mean something, never in powers of ten."""
    if seconds is None:
        return "-"
    ms = seconds * 1e3
    if ms >= 1000:
        return f"{ms:,.0f}"
    return f"{ms:.1f}" if ms >= 100 else f"{ms:.2f}" if ms >= 1 else f"{ms:.3f}"


def _rate(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _percent(share: float) -> str:
    """Nothing that exists is shown as nothing, and nothing short of all as all."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    whole = 10 <= percent < 99 or percent in (0, 100)
    return f"{percent:.0f} %" if whole else f"{percent:.1f} %"


def _or_infinite(seconds: float | None) -> str:
    return "infinite" if seconds is None else _ms(seconds)


def _printable(text: str) -> str:
    """What servers and configs say must not steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _short(text: str, most: int = 80) -> str:
    line = " ".join(_printable(text).split())
    return line if len(line) <= most else line[: most - 3] + "..."
