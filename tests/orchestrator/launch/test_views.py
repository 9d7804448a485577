"""Plain lines and the drawn view: what a log and a terminal get to see."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console

from orchestrator.launch.live import LiveView, picture
from orchestrator.launch.plain import PlainView
from orchestrator.launch.snapshot import Snapshot, StageView
from orchestrator.launch.view import view

STAGES = (
    StageView(0, "50/s", "constant", 500, 10.0, 500, "over"),
    StageView(1, "1 -> 25/s", "poisson", 300, 30.0, 17, "running"),
    StageView(2, "8 users", "concurrent", None, 10.0, 0, "ahead"),
)
SEEN = Snapshot(
    elapsed_s=12.3,
    remaining_s=40.0,
    planned=800,
    sent=517,
    counts={"ok": 500, "failed": 3, "timed_out": 0, "missed": 2, "aborted": 0},
    in_flight=12,
    offered=13.0,
    achieved=12.6,
    ttft_ms=(56.0, 80.0),
    stages=STAGES,
    shards={"sending": 2, "complete": 1},
    errors={"http_500": 3},
)


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


def drawn(seen: Snapshot, **given: object) -> str:
    out = io.StringIO()
    Console(file=out, width=120, **given).print(picture(seen))  # type: ignore[arg-type]
    return out.getvalue()


def test_the_picture_shows_stages_rates_shards_and_errors() -> None:
    text = drawn(SEEN)
    for words in (
        "500/500",
        "17/300",
        "0/?",
        "40 s to go",
        "12.6 requests/s of 13 offered",
        "12 in flight",
        "TTFT ~56 ms (p50)",
        "2 sending, 1 complete",
        "failed 3",
        "http_500 3",
    ):
        assert words in text, words


def test_the_picture_of_nothing_yet() -> None:
    empty = replace(SEEN, achieved=None, offered=None, ttft_ms=None, remaining_s=None, errors={}, counts={"ok": 0})
    text = drawn(empty)
    assert "to go" not in text and "TTFT" not in text and "failed" not in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31m" in drawn(SEEN, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in drawn(SEEN, force_terminal=True)


def test_the_live_view_draws_and_keeps_its_last_picture() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    shown = LiveView(out)
    shown.say("run r")
    shown.update(SEEN)
    shown.update(replace(SEEN, sent=800))
    shown.close()
    shown.close()
    assert out.getvalue().startswith("run r")
    assert "17/300" in out.getvalue()


def test_without_a_terminal_the_view_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view(), PlainView)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view(), LiveView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view(), PlainView)
