"""Signals: once asks, twice raises, and while processes are being ended nothing raises at all."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from orchestrator.launch.interrupts import Interrupted, Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_outside_a_run_it_raises_at_once(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted), Interrupts():
        os.kill(os.getpid(), number)
        time.sleep(1)
    assert signal.getsignal(number) is before


def test_in_a_run_the_first_asks_and_ends_the_wait_and_the_second_raises() -> None:
    with Interrupts() as interrupts, interrupts.graceful():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        interrupts.wait(10)
        assert time.monotonic() - begun < 5
        assert interrupts.asked
        begun = time.monotonic()
        interrupts.wait(0.05)
        assert time.monotonic() - begun >= 0.05, "a wait is a wait again"
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)


def test_a_second_ctrl_c_within_a_second_is_the_same_one() -> None:
    now = [100.0]
    with Interrupts(lambda: now[0]) as interrupts, interrupts.graceful():
        for now[0] in (100.0, 100.2, 100.99):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        assert interrupts.asked
        now[0] = 101.01
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_a_double_tap_does_not_cut_the_report_short_either() -> None:
    now = [100.0]
    with Interrupts(lambda: now[0]) as interrupts:
        with interrupts.graceful():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        now[0] = 100.9
        os.kill(os.getpid(), signal.SIGINT)  # the run has ended meanwhile, and is being reported
        time.sleep(0.01)


def test_while_held_off_none_raises_and_afterwards_again() -> None:
    with Interrupts() as interrupts, interrupts.graceful():
        with interrupts.held_off():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)


def test_an_ignored_hang_up_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_a_thread_it_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    found: list[object] = []

    def use() -> None:
        with Interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [before]
