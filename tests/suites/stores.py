"""Where the store's suite runs: every adapter as a Place, and what its tests share.

An adapter joins with one entry in PLACES: a function from pytest's request to a Place. Adapters that need a server take
it from a fixture (`request.getfixturevalue`).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from function.amazon import Amazon
from function.store.local import LocalStore
from function.store.memory import MemoryStore
from function.store.port import Entry, ObjectStore
from function.store.s3 import S3Store
from tests.emulators.moto import new_bucket

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """`open` gives a new handle on the same objects each time; what follows makes less of it for slow stores.

    `stamps_apart_ns`: how far the stamp that a write was answered with may lie from the one a read gives.
    """

    open: Callable[[], ObjectStore]
    big_bytes: int = 5_000_000
    model_runs: int = 60
    slow: int = 1
    stamps_apart_ns: int = 0

    def fewer(self, rounds: int) -> int:
        """So many rounds, or less of them in a slow store."""
        return max(5, rounds // self.slow)


def _local_run(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path") / "a run"
    return Place(lambda: LocalStore(folder))


def _local_root(request: pytest.FixtureRequest) -> Place:
    """Handles by turns on the run's folder and on ROOT, as a worker and the orchestrator have them."""
    root: Path = request.getfixturevalue("tmp_path")
    turn = itertools.count()

    def turns() -> ObjectStore:
        return LocalStore(root).at("runs/r1") if next(turn) % 2 else LocalStore(root / "runs" / "r1")

    return Place(turns)


def _memory(request: pytest.FixtureRequest) -> Place:
    store = MemoryStore()
    return Place(lambda: store.at(""))


def _s3(url: str, request: pytest.FixtureRequest, folder: str = "") -> Place:
    """A bucket of its own; handles share one thread, which ends with the test whatever was not closed."""
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket = new_bucket(url)
    amazon = Amazon()
    amazon.hold()
    request.addfinalizer(amazon.close)
    return Place(lambda: S3Store(amazon, bucket, folder), model_runs=6, slow=5, stamps_apart_ns=1_000_000_000)


def _moto(request: pytest.FixtureRequest) -> Place:
    return _s3(request.getfixturevalue("moto_url"), request)


def _ministack(request: pytest.FixtureRequest) -> Place:
    return _s3(request.getfixturevalue("ministack_url"), request, "a folder/of it")


PLACES: dict[str, Callable[[pytest.FixtureRequest], Place]] = {
    "local-run": _local_run,
    "local-root": _local_root,
    "memory": _memory,
    "s3-moto": _moto,
    "s3-ministack": _ministack,
}
BETWEEN_PROCESSES = [name for name in PLACES if name != "memory"]


def keys(entries: Iterator[Entry]) -> list[str]:
    return [entry.key for entry in entries]


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Results of `work(i)` from `count` threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def started(number: int) -> Any:
        barrier.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(started, range(count)))


@contextlib.contextmanager
def switching_often() -> Iterator[None]:
    """Threads take turns every 10 us instead of every 5 ms, or a short race among them is rarely one."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@contextlib.contextmanager
def processes(uri: str, count: int, code: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Python processes that ran `code` up to its `go()`; it has `store` (opened by `uri`) and `number` (0, 1, ...)."""
    head = (
        "import sys, json, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from function.contract.errors import *\n"
        "from function.store.opening import open_store\n"
        "store, number = open_store(sys.argv[1]), int(sys.argv[2])\n"
        "def go():\n    print('ready', flush=True); sys.stdin.readline()\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", head + code, uri, str(number)],
            cwd=REPOSITORY,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())
