"""docs/performance.md: its tables stand between markers and are written by the benchmarks, its prose by hand."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "performance.md"
RAW = DOCS / "performance" / "raw"


def write_between(name: str, text: str) -> None:
    """Between `<!-- name: begin ... -->` and `<!-- name: end -->`. Exits where the page has no such place."""
    page = PAGE.read_text()
    head, begin, rest = page.partition(f"<!-- {name}: begin")
    marker, arrow, rest = rest.partition("-->")
    _, end, tail = rest.partition(f"<!-- {name}: end -->")
    if not (begin and arrow and end):
        raise SystemExit(f"{PAGE} has no place for the table: <!-- {name}: begin ... --> ... <!-- {name}: end -->")
    PAGE.write_text(f"{head}{begin}{marker}{arrow}\n{text}\n{end}{tail}")
