"""The directory adapter's lock: which handles share it, and what a holder that is stopped, killed or forked can do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from function.contract.errors import StoreError, VersionMismatch
from function.store import local
from function.store.local import LocalStore
from tests.suites.stores import keys

REPOSITORY = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def python(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code` and is gone afterwards, stopped or not."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, text=True, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), status


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_handle_on_root_and_one_on_the_run_share_the_lock(tmp_path: Path) -> None:
    root = LocalStore(tmp_path)
    cases: list[tuple[LocalStore, str, str]] = [
        (root, "runs/r1/a", "runs/r1/.store"),
        (root, "runs/r1/claims/x", "runs/r1/.store"),
        (root.at("runs"), "r1/a", "runs/r1/.store"),
        (root.at("runs/r1"), "a", "runs/r1/.store"),
        (root.at("runs/r1").at("claims"), "x", "runs/r1/.store"),
        (LocalStore(tmp_path / "runs/r1"), "a", "runs/r1/.store"),
        (LocalStore(tmp_path / "runs/r1").at("claims"), "x", "runs/r1/.store"),
        (LocalStore(Path(root.at("runs/r1").uri)), "a", "runs/r1/.store"),
        (root, "a", ".store"),
        (root, "runs/a", ".store"),
        (root, "texts/runs/r1/a", ".store"),
        (root, "runs-of-mine/r1/a", ".store"),
    ]
    for store, key, own in cases:
        store.put(key, b"x")
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob(".store")] == [own], (store.uri, key)
        (tmp_path / own / "lock").unlink()
        (tmp_path / own).rmdir()


@pytest.mark.parametrize("down", [True, False])
def test_handles_on_root_and_run_exclude_each_other(tmp_path: Path, down: bool) -> None:
    """A replace that has read, and is about to rename, through one handle; a put through the other waits for it."""
    root, run = LocalStore(tmp_path), LocalStore(tmp_path / "runs/r1")
    first, second = ((root, "runs/r1/c"), (run, "c")) if down else ((run, "c"), (root, "runs/r1/c"))
    version = root.create("runs/r1/c", b"go").version
    entered, leave = threading.Event(), threading.Event()
    rename = os.rename

    def slow(source: str, target: str) -> None:
        if not entered.is_set():
            entered.set()
            assert leave.wait(20)
        rename(source, target)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(os, "rename", slow)
        patch.setattr(local, "PUT_WAIT_S", 20)
        replacing = threads.submit(first[0].replace, first[1], b"go on", version)
        assert entered.wait(20)
        putting = threads.submit(second[0].put, second[1], b"abort")
        time.sleep(0.05)
        assert not putting.done()
        leave.set()
        assert replacing.result().version
        putting.result()
    assert run.get("c").body == b"abort"


HOLD = """
import fcntl, os, signal, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_stopped_holder_delays_a_put_and_a_delete_by_one_second(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("control.json", b"go")
    with python(HOLD, str(tmp_path / ".store/lock")) as holder:
        wait_until_stopped(holder)
        start_s, start_ns = time.monotonic(), time.time_ns()
        stored = store.put("control.json", b"abort")
        assert 0.95 < time.monotonic() - start_s < 6
        assert stored.stamp_ns - start_ns > 900_000_000  # of when it landed, not of when it began to wait
        start_s = time.monotonic()
        store.delete("control.json")
        assert 0.95 < time.monotonic() - start_s < 6
        assert keys(store.list()) == []
    assert files(tmp_path) == {".store/lock"}


def test_a_stopped_holder_makes_a_replace_fail_but_no_create_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "REPLACE_WAIT_S", 0.2)
    store = LocalStore(tmp_path)
    version = store.put("control.json", b"go").version
    with python(HOLD, str(tmp_path / ".store/lock")) as holder:
        wait_until_stopped(holder)
        start_s = time.monotonic()
        store.create("claims/x", b"nonce")
        assert store.get("control.json").body == b"go"
        assert keys(store.list()) == ["claims/x", "control.json"]
        assert time.monotonic() - start_s < 0.95
        with pytest.raises(StoreError, match="nothing was written") as refusal:
            store.replace("control.json", b"go on", version)
        assert not isinstance(refusal.value, VersionMismatch)
        assert "stopped process" in refusal.value.hint
    store.replace("control.json", b"go on", version)  # the kernel released the lock of the dead


STOP_BEFORE_RENAME = """
import os, signal, sys
from function.store.opening import open_store
rename = os.rename
def stopped(source, target):
    os.kill(os.getpid(), signal.SIGSTOP)
    rename(source, target)
os.rename = stopped
store = open_store(sys.argv[1])
store.replace("control.json", b"renewal", store.get("control.json").stored.version)
"""


def test_a_replace_stopped_midway_may_undo_one_put_but_not_the_next(tmp_path: Path) -> None:
    """The one hole that no lock closes, and why abort reads back."""
    store = LocalStore(tmp_path)
    store.put("control.json", b"go")
    with python(STOP_BEFORE_RENAME, str(tmp_path)) as renewer:
        wait_until_stopped(renewer)
        store.put("control.json", b"abort")
        assert store.get("control.json").body == b"abort"
        renewer.send_signal(signal.SIGCONT)
        assert renewer.wait(20) == 0
        assert store.get("control.json").body == b"renewal"
        store.put("control.json", b"abort")
    assert store.get("control.json").body == b"abort"


def test_a_killed_writer_leaves_no_half_object_and_no_lock(tmp_path: Path) -> None:
    code = STOP_BEFORE_RENAME + "\nraise SystemExit('not reached')"
    store = LocalStore(tmp_path)
    version = store.put("control.json", b"go").version
    with python(code, str(tmp_path)) as renewer:
        wait_until_stopped(renewer)
    assert store.get("control.json").body == b"go"
    start_s = time.monotonic()
    store.replace("control.json", b"go on", version)
    assert time.monotonic() - start_s < 0.95
    assert keys(store.list()) == ["control.json"]  # its draft stays in `.store`, out of sight


def test_a_child_forked_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"0")
    lock = os.open(tmp_path / ".store/lock", os.O_RDWR)
    rename = os.rename
    children: list[int] = []

    def forking(source: str, target: str) -> None:
        child = os.fork()
        if not child:
            signal.pause()  # with a copy of every descriptor, the lock's too
        children.append(child)
        rename(source, target)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "rename", forking)
            store.put("a", b"1")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(lock)
