"""The style sheet: readable in light, dark and print, and no colour outside its list."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("orchestrator.report").joinpath("page.css").read_text()
MODES = dict(zip(("light", "dark", "print"), re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)))
TEXT = ("ink", "soft", "link", "green", "red", "amber")
PAPERS = ("paper", "good-tint", "warn-tint", "bad-tint")
STROKES = ("blue", "orange", "plum", "green", "red", "amber", "grey")


def colours(mode: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,8});", MODES[mode]))


def luminance(colour: str) -> float:
    """WCAG 2.1 relative luminance."""
    digits = colour[1:] if len(colour) > 4 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark", "print"])
def test_text_and_lines_stand_out_from_their_ground(mode: str) -> None:
    palette = colours(mode)
    for paper in PAPERS:
        for text in TEXT:
            assert contrast(palette[text], palette[paper]) >= 4.5, (text, paper)
    for stroke in STROKES:
        assert contrast(palette[stroke], palette["paper"]) >= 3, stroke


def test_the_measure_is_wcags() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_colour_is_a_variable_of_all_three_modes() -> None:
    assert set(colours("light")) == set(colours("dark")) == set(colours("print"))
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b", rules) == []
    assert set(re.findall(r"var\(--([a-z-]+)\)", CSS)) <= set(colours("light"))


def test_every_line_of_a_chart_differs_by_more_than_colour() -> None:
    """Series that share a plot have dashes, weight or a fill of their own."""
    drawn = {
        name: _rule(name) for name in ("p50", "p90", "p99", "offered", "achieved", "answered", "failed", "scheduled")
    }
    for together in (("p50", "p90", "p99"), ("offered", "achieved", "answered"), ("p50", "scheduled")):
        looks = [re.sub(r"stroke: var\([^)]*\);", "", drawn[name]) for name in together]
        assert len(set(looks)) == len(looks), together


def _rule(name: str) -> str:
    (found,) = re.findall(rf"\.ink \.{name}, \.key \.{name} \{{(.*?)\}}", CSS)
    return str(found)
