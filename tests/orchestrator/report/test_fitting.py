from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from orchestrator.report.fitting import Fitting


@pytest.mark.parametrize(("width", "shown"), [(20, "a" * 20), (19, "b" * 10), (10, "b" * 10), (9, "c c c")])
def test_the_widest_form_that_fits(width: int, shown: str) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(Fitting(Text("a" * 20), Text("b" * 10), Text("c c c")))
    assert out.getvalue().strip() == shown


def test_the_last_form_is_taken_whatever_its_width() -> None:
    out = io.StringIO()
    Console(file=out, width=3).print(Fitting(Text("a" * 20), Text("c c c")))
    assert out.getvalue().split() == ["c", "c", "c"]
