"""`benchctl logs RUN`: what the workers of shards that failed wrote, from the platform's logs.

Which shards failed is read from the run's store; where their logs lie, from its plan. A local run's lie beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from function.contract.errors import ProviderError, UsageError
from function.contract.keys import attempt_id, parse_shard
from function.contract.plan import Plan, RegionPlan
from orchestrator.launch.locate import StoredRun as Found
from orchestrator.launch.locate import find_run, log_folder
from orchestrator.merge.stored import Standing, StoredRun, read_run
from orchestrator.outcome import Outcome, Problem

MARGIN_S = 120.0  # clocks apart, and lines that come after their invocation
_FINE = ("complete", "abort", "not_granted", "not_allowed")


@dataclass(frozen=True, slots=True)
class Words:
    """Of one attempt. `ended`: how its invocation did, where that was seen."""

    attempt: str
    ended: str | None
    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"attempt": self.attempt, "ended": self.ended, "lines": list(self.lines)}


def run(word: str, root: str | None, shard: str | None = None) -> Outcome:
    """`shard`: that one alone, failed or not. Raises UsageError `shard_unknown`, ProviderError where a platform's logs
    cannot be read."""
    found = find_run(word, root)
    stored = read_run(found.store)
    wanted = list(_wanted(stored, shard))
    words = list(_local(found, stored, wanted)) if stored.plan.provider == "local" else list(_aws(stored, wanted))
    result = {"run_id": found.run_id, "provider": stored.plan.provider, "attempts": [one.as_dict() for one in words]}
    problems = () if words or shard else (_nothing(found.run_id),)
    return Outcome("logs", result=result, human="\n".join(_shown(words)), problems=problems)


def _wanted(stored: StoredRun, shard: str | None) -> Iterator[str]:
    """Attempt ids, in the plan's order."""
    known = {standing.shard for standing in stored.standings}
    if shard is not None and shard not in known:
        hint = "<phase>-<lane>-<slice>, as in 0-3-0"
        raise UsageError(f"the run has no shard {shard}", path="--shard", hint=hint, code="shard_unknown")
    ends = {} if stored.observed is None else stored.observed.ends
    for standing in stored.standings:
        mine = [name for name in ends if name.partition(".")[0] == standing.shard]
        bad = [name for name in mine if ends[name].exit_code != 0]
        if shard == standing.shard:
            yield from sorted({*mine, attempt_id(shard, standing.attempt or 0)})
        elif shard is None and (bad or _failed(standing, stored.ended)):
            yield from sorted({*bad, *_own(standing)})


def _failed(standing: Standing, over: bool) -> bool:
    if standing.receipt is None:
        return standing.attempt is not None and over
    return standing.receipt.reason not in _FINE


def _own(standing: Standing) -> Iterator[str]:
    if standing.attempt is not None:
        yield attempt_id(standing.shard, standing.attempt)


def _local(found: Found, stored: StoredRun, wanted: list[str]) -> Iterator[Words]:
    folder = log_folder(found.store, found.run_id)
    for attempt in wanted:
        body = ""
        with suppress(OSError):
            body = (folder / f"{attempt}.log").read_text(errors="replace")
        yield Words(attempt, _ended(stored, attempt), tuple(body.splitlines()))


def _aws(stored: StoredRun, wanted: list[str]) -> Iterator[Words]:
    from orchestrator.providers.amazon import Amazon
    from orchestrator.providers.aws_logs import Span, attempt_lines

    start_ms, end_ms = _span_ms(stored)
    with closing(Amazon()) as amazon:
        for attempt in wanted:
            place = _place(stored.plan, attempt)
            span = Span(place.region, place.log_group, start_ms, end_ms)
            ended = _ended(stored, attempt)
            yield Words(attempt, ended, tuple(attempt_lines(amazon, span, stored.plan.run_id, attempt, ended or "")))


def _place(plan: Plan, attempt: str) -> RegionPlan:
    """The region in which the attempt's lane runs."""
    if not plan.regions:
        raise ProviderError("the run's plan does not say where its logs are", path="RUN", code="no_logs")
    return plan.regions[parse_shard(attempt).lane % len(plan.regions)]


def _span_ms(stored: StoredRun) -> tuple[int, int]:
    """From the plan to the last write of control, which is the run's end."""
    margin_ns = int(MARGIN_S * 1e9)
    start, end = stored.plan.created_unix_ns - margin_ns, stored.control_ns + margin_ns
    return start // 1_000_000, max(start, end) // 1_000_000


def _ended(stored: StoredRun, attempt: str) -> str | None:
    end = None if stored.observed is None else stored.observed.ends.get(attempt)
    if end is None:
        return None
    code = "" if end.exit_code is None else f"exit code {end.exit_code}"
    last = end.detail.splitlines()[-1] if end.detail else ""
    return ": ".join(filter(None, (code, last))) or None


def _shown(words: list[Words]) -> Iterator[str]:
    for one in words:
        yield f"{one.attempt}" + (f"  {one.ended}" if one.ended else "")
        yield from (f"  {line}" for line in one.lines or ("(nothing was written)",))


def _nothing(run_id: str) -> Problem:
    hint = "benchctl logs RUN --shard 0-0-0 shows any one's"
    return Problem("nothing_failed", f"no shard of {run_id} failed", "RUN", hint, "warning")
