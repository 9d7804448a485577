"""Types of what people type on the command line."""

from __future__ import annotations

import pytest

from orchestrator.options import duration, share


def test_durations_as_in_a_config() -> None:
    assert [duration(text) for text in ("0.05", "50ms", "2s", "1m")] == [0.05, 0.05, 2.0, 60.0]
    for text in ("soon", "-1s", ""):
        with pytest.raises(ValueError):
            duration(text)


def test_shares() -> None:
    assert share("http_500=0.25") == ("http_500", 0.25)
    for text in ("http_500", "http_500=many"):
        with pytest.raises(ValueError):
            share(text)
