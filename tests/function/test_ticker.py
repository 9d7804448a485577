"""Threads of their own: steps that never overlap, that can be woken, and that are over when `stop` returns."""

from __future__ import annotations

import threading
import time

import pytest

from function.fuse import Fuse
from function.ticker import Ticker


def wait_for(condition: object, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_it_steps_again_after_the_time_the_step_says_and_when_woken() -> None:
    calls: list[int] = []

    def step() -> float:
        calls.append(1)
        return 0.0 if len(calls) < 3 else 3600.0

    ticker = Ticker("test", step, Fuse())
    wait_for(lambda: len(calls) == 3)
    time.sleep(0.02)
    assert len(calls) == 3
    ticker.wake()
    wait_for(lambda: len(calls) == 4)
    ticker.stop()
    assert len(calls) == 4


def test_it_ends_by_itself_when_the_step_says_never() -> None:
    calls: list[int] = []
    ticker = Ticker("test", lambda: calls.append(1), Fuse())
    wait_for(lambda: calls)
    ticker.wake()
    ticker.stop()
    ticker.stop()
    assert len(calls) == 1


def test_stop_waits_for_the_step_that_runs() -> None:
    entered, ended = threading.Event(), []

    def step() -> None:
        entered.set()
        time.sleep(0.1)
        ended.append(1)

    ticker = Ticker("test", step, Fuse())
    assert entered.wait(10)
    ticker.stop()
    assert ended
    assert not [one for one in threading.enumerate() if one.name == "benchctl-test"]


class Panic(BaseException):
    """What a panic inside a Rust extension is."""


@pytest.mark.parametrize("error", [ValueError("broken"), Panic("broken")])
def test_an_error_blows_the_fuse_and_ends_it(error: BaseException) -> None:
    fuse, calls = Fuse(), []

    def step() -> float:
        calls.append(1)
        raise error

    ticker = Ticker("test", step, fuse)
    wait_for(lambda: fuse.error)
    ticker.wake()
    ticker.stop()
    assert len(calls) == 1
    with pytest.raises(type(error), match="broken"):
        fuse.check()
