"""Numbers as people read them: counts with separators, latencies in ms, shares that never round up to all or none.

Seconds go in, milliseconds come out. What was not measured is an en dash. `exact` keeps the unrounded value in the
page, as HTML's `data` element.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite, log10
from typing import Any

from orchestrator.report.html_markup import Markup, element

NONE = "–"
SPACE = "\u00a0"
INFINITE = "∞"


def exact(value: float | None, shown: str) -> Markup:
    """`shown` for the eye, the value as summary.json has it for machines."""
    return element("data", shown, value="null" if value is None else repr(value))


def count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A percentage; 100 % only of all, 0 % only of none."""
    if value is None:
        return NONE
    percent = round(value * 100, 9)  # 0.55 is 55, not 55.00000000000001
    if percent in (0, 100) or (percent >= 10 and percent == round(percent)):
        return f"{percent:.0f}{SPACE}%"
    if 99.9 < percent < 100:
        return f">{SPACE}99.9{SPACE}%"
    if 0 < percent < 0.01:
        return f"<{SPACE}0.01{SPACE}%"
    return f"{floor(percent * 10) / 10 if percent > 99 else percent:.{2 if percent < 1 else 1}f}{SPACE}%"


def in_words(value: float) -> str:
    """A share for a sentence: `65 %`, without decimals from 10 % to 99 %."""
    return f"{value * 100:.0f}{SPACE}%" if 0.1 <= value <= 0.99 else share(value)


def decimals(seconds: Iterable[float | None]) -> int:
    """How many decimals of a ms a column shows, so that its smallest entry keeps three digits and points align."""
    known = [value for value in seconds if value is not None and isfinite(value) and value > 0]
    if not known:
        return 1
    return min(3, max(0, 2 - floor(log10(min(known) * 1e3))))


def ms(seconds: float | None, places: int | None = None) -> str:
    """Milliseconds without their unit."""
    if not seconds:
        return NONE if seconds is None else "0"
    return f"{seconds * 1e3:,.{decimals([seconds]) if places is None else places}f}"


def ms_column(seconds: Sequence[float | None]) -> list[Markup]:
    """Cells of one column, in ms, with as many decimals as its smallest entry needs."""
    places = decimals(seconds)
    return [exact(value, ms(value, places)) for value in seconds]


def rate_column(values: Sequence[float | None]) -> list[Markup]:
    """Cells of one column with four digits in its largest entry, and as many decimals in all."""
    known = [value for value in values if value]
    places = min(3, max(0, 3 - floor(log10(max(known))))) if known else 0
    if all(value == round(value) for value in known):
        places = 0
    return [exact(value, NONE if value is None else f"{value:,.{places}f}") for value in values]


def with_ms(seconds: float | None) -> str:
    return NONE if seconds is None else f"{ms(seconds)}{SPACE}ms"


def rate(value: float | None) -> str:
    """Four digits, without trailing zeros; thousands in full."""
    if value is None:
        return NONE
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 0.001 or value == 0 else f"{value:.2g}"


def instant(seconds: float) -> str:
    """A time since t0, to the tenth of a second."""
    return f"{seconds:,.1f}".removesuffix(".0")


def usd(value: float | None) -> str:
    return NONE if value is None else f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.4f}"


def plain(value: Any, limit: int = 160) -> str:
    """A finding's number, which may be a list or a mapping of them; cut at `limit` characters."""
    if isinstance(value, bool) or value is None:
        return NONE if value is None else str(value).lower()
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return rate(value)
    if isinstance(value, dict):
        text = ", ".join(f"{key} {plain(inner, limit)}" for key, inner in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(plain(inner, limit) for inner in value)
    else:
        text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
