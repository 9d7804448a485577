"""The server's own token counts, in whichever of their forms they came. Pure; what cannot be read counts as not given.

Two forms: OpenAI's `usage` object (with the details of cached and reasoning tokens) and llama.cpp's `timings`, which
stands in where a server sends no usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

MOST_TOKENS = 1 << 31  # no answer has as many: such a number is a server's mistake, and no count


class Usage(NamedTuple):
    """Tokens; None where the server did not say."""

    prompt: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


def read_usage(usages: Sequence[bytes], timings: bytes = b"") -> Usage | None:
    """JSON values as they stood in the answer, the usages in order; b"" where there was none. None: no counts.

    Usages are cumulative, so the last one counts; what it leaves out, or sets back to zero, is taken from those before.
    """
    found: Usage | None = None
    for usage in reversed(usages):
        before = _from_usage(_object(usage))
        found = before if found is None or before is None else _filled(found, before)
        if found is not None and found.prompt and found.output:
            break
    return found or _from_timings(_object(timings))


def _filled(last: Usage, before: Usage) -> Usage:
    return Usage(*(now or earlier if earlier else now for now, earlier in zip(last, before, strict=True)))


def _from_usage(usage: dict[str, Any]) -> Usage | None:
    prompt_details, output_details = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    found = Usage(
        prompt=_count(usage.get("prompt_tokens")),
        output=_count(usage.get("completion_tokens")),
        cached=_count(prompt_details.get("cached_tokens")) if isinstance(prompt_details, dict) else None,
        reasoning=_count(output_details.get("reasoning_tokens")) if isinstance(output_details, dict) else None,
    )
    return None if found.prompt is None and found.output is None else found


def _from_timings(timings: dict[str, Any]) -> Usage | None:
    """llama.cpp: `prompt_n` was computed, `cache_n` was taken from the cache, `predicted_n` is the output."""
    computed, cached, output = (_count(timings.get(key)) for key in ("prompt_n", "cache_n", "predicted_n"))
    if output is None:
        return None
    return Usage(None if computed is None else computed + (cached or 0), output, cached)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    """Some gateways write counts as floats or strings."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < MOST_TOKENS else None
