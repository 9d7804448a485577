"""Plain lines: what a log gets to see, and how often."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import pytest

from orchestrator.launch.plain import PlainView
from tests.orchestrator.launch.shown import SEEN, STAGES


class Ticker:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def play(seconds: float, step_s: float, started: dict[float, int]) -> list[tuple[float, str]]:
    """(when, line) of a run of so many seconds in which the given number of stages has started by each time."""
    clock, out = Ticker(), io.StringIO()
    shown, lines = PlainView(out, clock), []
    while clock.now_s < 100.0 + seconds:
        begun = max((count for at, count in started.items() if clock.now_s - 100.0 >= at), default=0)
        states = [replace(STAGES[0], index=i, state="running" if i < begun else "ahead") for i in range(6)]
        before = out.tell()
        shown.update(replace(SEEN, stages=tuple(states)))
        if out.tell() > before:
            lines.append((clock.now_s - 100.0, out.getvalue()[before:]))
        clock.now_s += step_s
    return lines


def test_a_line_for_each_stage_and_one_at_least_every_ten_seconds() -> None:
    lines = play(60, 0.25, {0: 1, 21.3: 2})
    text = "".join(line for _, line in lines)
    assert "stage 0 starts: constant 50/s for 10 s, 500 requests" in text
    assert "stage 1 starts" in text
    times = [at for at, _ in lines]
    assert all(later - earlier <= 10 for earlier, later in zip(times, [*times[1:], 60.0]))
    assert all(word in lines[1][1] for word in ("sent 517/800", "ok 500", "failed 3", "missed 2"))


def test_never_more_than_a_line_a_second_and_no_stage_is_left_out() -> None:
    lines = play(10, 0.05, {0: 1, 0.1: 2, 0.2: 3, 0.9: 4, 1.1: 5, 1.15: 6})
    assert all(line.count("\n") == 1 for _, line in lines)
    times = [at for at, _ in lines]
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))
    text = "".join(line for _, line in lines)
    assert all(text.count(f"stage {index} starts") == 1 for index in range(6))


def test_no_control_characters_and_what_is_said_stays_one_line() -> None:
    out = io.StringIO()
    shown = PlainView(out)
    shown.say("warning: two\n  lines")
    shown.close()
    assert out.getvalue() == "warning: two lines\n"


def test_what_waits_at_the_end_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, out = Ticker(), io.StringIO()
    monkeypatch.setattr("time.sleep", lambda seconds: setattr(clock, "now_s", clock.now_s + seconds))
    shown = PlainView(out, clock)
    for word in ("one", "two", "three"):
        shown.say(word)
    shown.close()
    assert out.getvalue().splitlines() == ["one", "two; three"]
    assert clock.now_s == 101.0


def test_a_log_that_went_away_does_not_end_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    shown = PlainView(Gone())
    shown.say("hello")
    shown.update(SEEN)
    shown.close()
