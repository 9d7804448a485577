"""Shows the widest of several forms that fits the terminal, so that no number is ever cut to its first digits.

Knows no content: whoever has several forms of the same thing gives them, widest first. The last one must fold.
"""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement

_UNBOUNDED = 10_000


class Fitting:
    """`forms`: the same content, widest first; the last is taken where none fits."""

    def __init__(self, *forms: RenderableType) -> None:
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(width=_UNBOUNDED)
        fits = (form for form in self._forms[:-1] if Measurement.get(console, wide, form).maximum <= options.max_width)
        yield next(fits, self._forms[-1])
