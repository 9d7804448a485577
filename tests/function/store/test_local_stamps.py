"""The directory adapter's stamps on clocks that are coarse, late or off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from function.store.local import LocalStore
from function.store.port import Entry, Stored


def test_a_stamp_without_fractions_says_that_it_is_coarse(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"x")
    os.utime(tmp_path / "a", ns=(0, 1_700_000_000_000_000_000))
    assert store.get("a").stored.stamp_ns == 1_700_000_000_000_000_000
    assert store.get("a").stored.resolution_ns == 1_000_000_000


def test_overwrites_within_one_tick_have_rising_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on kernels before 6.13, whose file stamps move with the timer only."""
    utime = os.utime
    tick_ns = time.time_ns()

    def coarse(path: str, *, ns: tuple[int, int] | None = None) -> None:
        utime(path, ns=ns or (tick_ns, tick_ns))

    monkeypatch.setattr(os, "utime", coarse)
    store = LocalStore(tmp_path)
    stored: list[Stored] = []
    rows: list[Entry] = []
    for number in range(20):
        stored.append(store.put("a", b"%02d" % number))
        rows.extend(store.list())
    assert len({row.version for row in rows}) == 20
    assert (
        [row.stamp_ns for row in rows] == [one.stamp_ns for one in stored] == sorted({one.stamp_ns for one in stored})
    )
    assert stored[-1].stamp_ns - tick_ns < 1_000


def test_a_stamp_in_the_future_is_not_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"1")
    os.utime(tmp_path / "a", ns=(0, time.time_ns() + 3_600_000_000_000))
    assert store.put("a", b"2").stamp_ns <= time.time_ns()


def test_a_late_kernel_tick_widens_the_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, now_ns = LocalStore(tmp_path), time.time_ns
    resolutions = {}
    for lag_ms in (0, 30, 5_000, -5_000):  # the last two: a server's clock that differs from ours
        monkeypatch.setattr(time, "time_ns", lambda lag_ms=lag_ms: now_ns() + lag_ms * 1_000_000)
        resolutions[lag_ms] = store.put("a", b"%d" % lag_ms).resolution_ns / 1e6
    assert 10 <= resolutions[0] <= 100
    assert 30 <= resolutions[30] <= 100
    assert resolutions[5_000] == 100
    assert resolutions[-5_000] == 10
