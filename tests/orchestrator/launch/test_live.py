"""The drawn view: what a terminal gets to see."""

from __future__ import annotations

import errno
import io
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.launch.live import LiveView, picture
from orchestrator.launch.snapshot import Snapshot
from tests.orchestrator.launch.shown import SEEN


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


def test_a_terminal_that_was_closed_does_not_end_the_run() -> None:
    class Gone(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    shown = LiveView(Gone())
    shown.say("run r")
    shown.update(SEEN)
    shown.update(SEEN)
    shown.close()
