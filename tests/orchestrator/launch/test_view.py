"""Which view this process gets."""

from __future__ import annotations

import pytest

from orchestrator.launch.live import LiveView
from orchestrator.launch.plain import PlainView
from orchestrator.launch.view import view


def test_without_a_terminal_the_view_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view(), PlainView)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view(), LiveView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view(), PlainView)
