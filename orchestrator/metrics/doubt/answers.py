"""errors, output_short; and, for information, what the answers' counts say about themselves.

Percentiles speak of survivors: where requests fail, they say less. Where an answer ends before the length that was
asked for, another load was measured than was planned.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import FAILED, TIMED_OUT
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.thresholds import (
    ERRORS_DEGRADED,
    EVENTS_OFF,
    OUTPUT_SHORT,
    PROMPT_OFF_ROWS,
    PROMPT_OFF_SHARE,
    PROMPT_OFF_TOKENS,
    SMALL_SAMPLE,
    TOKENS_UNKNOWN,
)


def answers(view: StageView, ignore_eos: bool) -> Iterator[Finding]:
    yield from _errors(view)
    if ignore_eos:
        yield from _output_short(view)
    yield from _malformed(view)
    yield from _events(view)
    yield from _prompts(view)
    yield from _small(view)


def _errors(view: StageView) -> Iterator[Finding]:
    ledger = view.ledger
    bad = ledger.failed + ledger.timed_out
    if not bad or bad / ledger.planned < ERRORS_DEGRADED:
        return
    none_ok = not ledger.ok
    kinds = view.requests.error_kind
    codes = kinds.codes[view.requests.with_status(FAILED, TIMED_OUT)]
    most = kinds.words[int(np.bincount(codes[codes >= 0]).argmax())] if (codes >= 0).any() else "?"
    yield Finding(
        "errors",
        "invalid" if none_ok else "degraded",
        f"stage {view.index}: {bad:,} of {ledger.planned:,} planned requests ({bad / ledger.planned:.1%}) failed, most "
        f"often {most}" + ("; none succeeded" if none_ok else ""),
        "Success-only percentiles hide this: read `adjusted`, and errors[] for what the server said.",
        {"value": bad / ledger.planned, "threshold": ERRORS_DEGRADED, "failed": bad, "planned": ledger.planned},
        Scope(stage=view.index),
    )


def _output_short(view: StageView) -> Iterator[Finding]:
    requests = view.requests
    judged = requests.ok & requests.usage & (requests.asked_tokens >= 1) & (requests.output_tokens >= 0)
    short = judged & (requests.output_tokens < requests.asked_tokens)
    share = int(short.sum()) / max(1, view.ledger.ok)
    if share <= OUTPUT_SHORT:
        return
    got = float(requests.output_tokens[short].mean() / requests.asked_tokens[short].mean())
    yield Finding(
        "output_short",
        "degraded",
        f"stage {view.index}: {int(short.sum()):,} of {view.ledger.ok:,} answers ended before the length asked for "
        f"(they have {got:.0%} of it), though ignore_eos was asked",
        "The server ignores ignore_eos or caps the length: ask for what it gives, or set server.ignore_eos to false.",
        {"value": share, "threshold": OUTPUT_SHORT, "short": int(short.sum()), "mean_share_of_asked": got},
        Scope(stage=view.index),
    )


def _malformed(view: StageView) -> Iterator[Finding]:
    counts = view.requests.malformed_events
    events, rows = int(counts[counts > 0].sum()), int((counts > 0).sum())
    if events:
        yield Finding(
            "malformed_events",
            "info",
            f"stage {view.index}: {events:,} events in {rows:,} answers could not be read and were skipped",
            "The server sends what is neither JSON nor [DONE]; token times may be missing.",
            {"value": events, "threshold": 0, "requests": rows},
            Scope(stage=view.index),
        )


def _events(view: StageView) -> Iterator[Finding]:
    requests = view.requests
    streamed = requests.ok & (requests.tokens.count > 0) & view.streaming
    counted = streamed & (requests.output_tokens >= 0)
    yield from _uncounted(view)
    if not counted.any():
        return
    events, tokens = int(requests.tokens.count[counted].sum()), int(requests.output_tokens[counted].sum())
    off = abs(events - tokens) / max(1, tokens)
    if off > EVENTS_OFF:
        yield Finding(
            "events_not_tokens",
            "info",
            f"stage {view.index}: {events:,} output events bore {tokens:,} tokens, so gaps between events are not gaps "
            "between tokens",
            "Read time_per_output_token beside inter_token_latency: the server bundles tokens, or hides some.",
            {"value": off, "threshold": EVENTS_OFF, "events": events, "tokens": tokens},
            Scope(stage=view.index),
        )


def _uncounted(view: StageView) -> Iterator[Finding]:
    """Answers that nobody counted: all of them, or so many that a rate of tokens would be too low."""
    requests = view.requests
    judged = requests.ok & (requests.tokens.count > 0) & view.streaming
    unknown = judged & (requests.output_tokens < 0)
    share = int(unknown.sum()) / max(1, int(judged.sum()))
    if share <= TOKENS_UNKNOWN:
        return
    number = (
        "the server gave no token counts" if share == 1 else f"{share:.0%} of the answers came without token counts"
    )
    yield Finding(
        "events_not_tokens",
        "info",
        f"stage {view.index}: {number} and no tokenizer was at hand: only their events are known, and no rate of "
        "output tokens is given",
        "Set tokenizer.pretrained_model_name_or_path, or ask the server for usage.",
        {
            "value": None if share == 1 else share,
            "threshold": EVENTS_OFF if share == 1 else TOKENS_UNKNOWN,
            "events": int(requests.tokens.count[unknown].sum()),
        },
        Scope(stage=view.index),
    )


def _prompts(view: StageView) -> Iterator[Finding]:
    requests = view.requests
    known = requests.ok & (requests.prompt_tokens >= 0) & (requests.planned_tokens >= 0)
    if not known.any():
        return
    server, plan = requests.prompt_tokens[known], requests.planned_tokens[known]
    off = np.abs(server - plan) > np.maximum(PROMPT_OFF_SHARE * plan, PROMPT_OFF_TOKENS)
    if off.mean() > PROMPT_OFF_ROWS:
        yield Finding(
            "prompt_tokens_disagree",
            "info",
            f"stage {view.index}: the server counts {server.mean():.0f} tokens a prompt, the plan {plan.mean():.0f}",
            "Is the tokenizer the model's own? A chat template adds a few tokens; more than that is another tokenizer.",
            {
                "value": float(off.mean()),
                "threshold": PROMPT_OFF_ROWS,
                "server": float(server.mean()),
                "plan": float(plan.mean()),
            },
            Scope(stage=view.index),
        )


def _small(view: StageView) -> Iterator[Finding]:
    if view.ledger.ok < SMALL_SAMPLE and view.ledger.planned:
        yield Finding(
            "small_sample",
            "info",
            f"stage {view.index}: {view.ledger.ok:,} requests succeeded; their p99 is little more than the slowest one",
            f"Read p50 and p90, or plan {SMALL_SAMPLE} requests and more.",
            {"value": view.ledger.ok, "threshold": SMALL_SAMPLE},
            Scope(stage=view.index),
        )
