"""Charts as inline SVG: axes, lines, steps, dots, and the figure around them. It knows no run, only shares of a plot.

Text is laid out in pixels and per cent, ink in a stretched box of 1000 x HEIGHT with strokes that do not scale. So one
drawing is sharp and readable from a phone to a wide screen. Colours are the style sheet's; no attribute holds one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.html_markup import NOTHING, Content, Markup, element, join

Floats = NDArray[np.float64]
Kind = Literal["linear", "log", "nines"]

WIDTH, HEIGHT = 1000, 190
_TIME_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_NINES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True, slots=True)
class Axis:
    """`low` to `high` in the data's unit. `nines`: shares below 1, spaced by -log10(1 - share)."""

    low: float
    high: float
    kind: Kind
    ticks: tuple[tuple[float, str], ...]
    unit: str

    def place(self, values: Floats) -> Floats:
        """Shares of the axis, 0 at `low`; what lies beyond is held at the ends, NaN stays."""
        low, high = _bend(np.array([self.low, self.high]), self.kind)
        placed: Floats = np.clip((_bend(values, self.kind) - low) / (high - low), 0.0, 1.0)
        return placed

    def at(self, value: float) -> float:
        return float(self.place(np.array([value]))[0])


def _bend(values: Floats, kind: Kind) -> Floats:
    if kind == "linear":
        return values.astype(np.float64)
    if kind == "nines":
        return -np.log10(np.maximum(1.0 - values, 1e-9))
    with np.errstate(divide="ignore"):
        return np.log10(np.maximum(values, 1e-300))


def from_zero(high: float, unit: str) -> Axis:
    step = round_step(high / 4) if high > 0 else 1.0
    ticks = np.arange(0, int(np.ceil(high / step - 1e-9)) + 1) * step if high > 0 else np.array([0.0, 1.0])
    return Axis(0.0, float(ticks[-1]), "linear", _labelled(ticks), unit)


def time_axis(end_s: float) -> Axis:
    wanted = end_s / 6
    step = next((float(step) for step in _TIME_STEPS if step >= wanted), 86400.0 * float(np.ceil(wanted / 86400)))
    if wanted < 0.5:
        step = round_step(wanted)
    ticks = np.arange(0, int(end_s / step + 1e-9) + 1) * step
    return Axis(0.0, end_s, "linear", _labelled(ticks), "s")


def log_axis(low: float, high: float, unit: str) -> Axis:
    """From the 1, 2 or 5 x a power of ten below `low` to the one above `high`; labels at those, or at powers of ten."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    grid = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    begin = max(tick for tick in grid if tick <= low * (1 + 1e-9))
    end = min(tick for tick in grid if tick >= max(high, begin * 1.5) * (1 - 1e-9))
    inside = [tick for tick in grid if begin <= tick <= end]
    if len(inside) > 7:
        every = -(-(last - first) // 6)
        inside = [10.0**power for power in range(first, last + 1, every) if begin <= 10.0**power <= end]
    return Axis(begin, end, "log", _labelled(inside), unit)


def value_axis(low: float, high: float, unit: str) -> Axis:
    """Linear from zero, or logarithmic where the values span more than a factor of 12. `low` > 0 of what is shown."""
    return log_axis(low, high, unit) if low > 0 and high / low > 12 else from_zero(high, unit)


def nines_axis(count: int, unit: str) -> Axis:
    """Shares up to the largest that `count` values resolve."""
    top = 1 - 1 / max(count, 10)
    ticks = [share for share in _NINES if share <= top + 1e-12]
    return Axis(0.0, top, "nines", tuple((share, f"{share * 100:g}") for share in ticks), unit)


def round_step(value: float) -> float:
    """The next of 1, 2, 2.5, 5 x a power of ten."""
    decade = 10.0 ** float(np.floor(np.log10(value)))
    return float(next(f for f in (1.0, 2.0, 2.5, 5.0, 10.0) if f * decade >= value * (1 - 1e-9)) * decade)


def _labelled(ticks: Iterable[float]) -> tuple[tuple[float, str], ...]:
    return tuple((tick, f"{tick:,.10g}" if abs(tick) >= 1 else f"{tick:.3g}") for tick in map(float, ticks))


def line(x: Floats, y: Floats, class_: str) -> Markup:
    """`x`, `y`: shares of the plot, y upwards. NaN breaks the line; a point between two NaN becomes a dot."""
    known = np.isfinite(x) & np.isfinite(y)
    before, after = np.concatenate(([False], known[:-1])), np.concatenate((known[1:], [False]))
    lone = known & ~before & ~after
    joined = known & ~lone
    pen = np.where(before, "L", "M")[joined]
    drawn = "".join(f"{move}{a} {b}" for move, a, b in zip(pen, _across(x[joined]), _down(y[joined])))
    return join(_path(drawn, class_), dots(x[lone], y[lone], f"{class_} lone"))


def steps(edges: Floats, y: Floats, class_: str) -> Markup:
    """`y[i]` from edges[i] to edges[i + 1]."""
    xs, ys = _across(edges), _down(y)
    drawn = "".join(f"{'M' if i == 0 else 'L'}{xs[i]} {level}H{xs[i + 1]}" for i, level in enumerate(ys))
    return _path(drawn, class_)


def filled(edges: Floats, y: Floats, class_: str) -> Markup:
    """The same, filled down to the axis."""
    xs, ys = _across(edges), _down(y)
    drawn = "".join(f"L{xs[i]} {level}H{xs[i + 1]}" for i, level in enumerate(ys))
    return _path(f"M{xs[0]} {HEIGHT}{drawn}V{HEIGHT}Z", class_) if ys else NOTHING


def dots(x: Floats, y: Floats, class_: str) -> Markup:
    """Points as strokes of no length with round caps: they stay round however the box is stretched."""
    return _path("".join(f"M{a} {b}h0" for a, b in zip(_across(x), _down(y))), class_)


def upright(x: float, class_: str) -> Markup:
    (at,) = _across(np.array([x]))
    return _path(f"M{at} 0V{HEIGHT}", class_)


def band(low: float, high: float, class_: str, height: int = HEIGHT) -> Markup:
    """A strip from `low` to `high`, from the top; never thinner than can be seen."""
    return element("rect", class_=class_, x=low * WIDTH, y=0, width=max(3.0, (high - low) * WIDTH), height=height)


def _path(drawn: str, class_: str) -> Markup:
    return element("path", class_=class_, d=drawn) if drawn else NOTHING


def _across(shares: Floats) -> list[str]:
    return [f"{value:.1f}".removesuffix(".0") for value in (shares * WIDTH).tolist()]


def _down(shares: Floats) -> list[str]:
    return [f"{value:.1f}".removesuffix(".0") for value in ((1 - shares) * HEIGHT).tolist()]


@dataclass(frozen=True, slots=True)
class Hit:
    """A strip of the plot that tells its numbers when pointed at. Shares of the plot."""

    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`ink` lies in the stretched box, `labels` over it in pixels and per cent. `alt` says in words what is seen.

    `legend`: (class of the stroke, label). `note` stands below.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    ink: Markup
    alt: str
    legend: Sequence[tuple[str, str]] = ()
    hits: Sequence[Hit] = ()
    labels: Markup = NOTHING
    note: Content = None
    x_title: str = "seconds since t0"


def figure(chart: Chart) -> Markup:
    plot = element(
        "svg",
        _grid(chart),
        element("svg", chart.ink, **_box("ink")),
        chart.labels,
        element("svg", [_hit(hit) for hit in chart.hits], **_box("hits")) if chart.hits else None,
        role="img",
        aria_label=chart.alt,
        class_="plot",
        width="100%",
        height=HEIGHT,
    )
    unit = f"{chart.y.unit}, log scale" if chart.y.kind == "log" else chart.y.unit
    return element(
        "figure",
        element(
            "figcaption",
            element("h3", chart.title, " ", element("span", unit, class_="unit")),
            legend(chart.legend),
        ),
        element("div", plot, class_="frame"),
        element("p", chart.note, class_="note") if chart.note else None,
        class_="chart",
        id=chart.name,
    )


def legend(keys: Sequence[tuple[str, str]]) -> Markup:
    return element("p", [_key(stroke, label) for stroke, label in keys], class_="legend") if keys else NOTHING


def _box(class_: str) -> dict[str, str | int]:
    view = f"0 0 {WIDTH} {HEIGHT}"
    return {"class_": class_, "viewBox": view, "preserveAspectRatio": "none", "width": "100%", "height": HEIGHT}


def _grid(chart: Chart) -> Markup:
    parts: list[Markup] = []
    for value, label in chart.y.ticks:
        y = round((1 - chart.y.at(value)) * HEIGHT, 1)
        parts.append(element("line", class_="grid", x1="0", x2="100%", y1=y, y2=y))
        parts.append(element("text", label, class_="tick left", x=-8, y=y, dy="0.32em"))
    for value, label in chart.x.ticks:
        x = f"{chart.x.at(value) * 100:.2f}%"
        parts.append(element("line", class_="stub", x1=x, x2=x, y1=HEIGHT, y2=HEIGHT + 4))
        parts.append(element("text", label, class_="tick below", x=x, y=HEIGHT + 17))
    parts.append(element("line", class_="base", x1="0", x2="100%", y1=HEIGHT, y2=HEIGHT))
    title = f"{chart.x_title}, log scale" if chart.x.kind == "log" else chart.x_title
    parts.append(element("text", title, class_="tick title", x="100%", y=HEIGHT + 33))
    return join(parts)


def _hit(hit: Hit) -> Markup:
    strip = {"x": hit.low * WIDTH, "width": max(0.5, (hit.high - hit.low) * WIDTH), "y": 0, "height": HEIGHT}
    return element("rect", element("title", hit.text), **strip)


def _key(stroke: str, label: str) -> Markup:
    shape = (
        element("path", class_=stroke, d="M1 6H23")
        if stroke != "dots"
        else element("path", class_=stroke, d="M6 6h0M12 6h0M18 6h0")
    )
    return element("span", element("svg", shape, width=24, height=12, aria_hidden="true"), label, class_="key")
