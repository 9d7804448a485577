from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from function.store.lock import locked
from tests.suites.stores import together


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter(number: int) -> bool:
        with locked(str(tmp_path), 20) as held:
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.001)
            inside.remove(number)
            return held

    assert together(12, enter) == [True] * 12
    assert max(most) == 1


def test_the_wait_ends(tmp_path: Path) -> None:
    with locked(str(tmp_path), 0) as held:
        assert held
        for wait_s in (0.0, 0.1):
            start_s = time.monotonic()
            with locked(str(tmp_path), wait_s) as held_twice:
                assert not held_twice
                assert wait_s <= time.monotonic() - start_s < wait_s + 2


def test_who_goes_on_without_the_lock_does_not_release_it(tmp_path: Path) -> None:
    with locked(str(tmp_path), 0):
        with locked(str(tmp_path), 0):
            pass
        with locked(str(tmp_path), 0) as held:
            assert not held


def test_it_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(str(tmp_path), 0):
        raise KeyError
    with locked(str(tmp_path), 0) as held:
        assert held


def test_a_waiter_gets_it_when_the_holder_leaves(tmp_path: Path) -> None:
    waiting, got = threading.Event(), []

    def wait() -> None:
        waiting.set()
        with locked(str(tmp_path), 20) as held:
            got.append(held)

    thread = threading.Thread(target=wait)
    with locked(str(tmp_path), 0):
        thread.start()
        assert waiting.wait(20)
        time.sleep(0.03)
        assert got == []
    thread.join(20)
    assert got == [True]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(str(tmp_path / "none"), 0):
        pass
