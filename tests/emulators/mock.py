"""Starts the mock model server for tests: as a process of its own (`running_mock`), or in a thread (`threaded_mock`).

Both are context managers whose handle has `.url`, `.port`, `.records()` (the truth log, parsed) and `.stop()`. Timing
that is to be believed needs the process; the thread starts faster but shares the interpreter with the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from orchestrator.mockserver import MockServer, TruthRecord, config_from, read_truth

ROOT = Path(__file__).resolve().parents[2]
START_S = 20.0
SETTLE_S = 0.25


@dataclass(slots=True)
class RunningMock:
    """A server process. `lifeline` is the writing end of its pipe: close it to let the server end by itself."""

    url: str
    log: Path | None
    process: subprocess.Popen[bytes]
    lifeline: int

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def records(self) -> list[TruthRecord]:
        """All records of requests that are over, in order of their ends. Waits for the log's flush while it runs."""
        assert self.log is not None, "this server was started without a log"
        if self.process.poll() is None:
            time.sleep(SETTLE_S)
        return read_truth(self.log)

    def completions(self) -> list[TruthRecord]:
        """The records of completion requests, in order of arrival."""
        return _completions(self.records())

    def drop_lifeline(self) -> None:
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.drop_lifeline()
        return code


@contextmanager
def running_mock(
    config: Mapping[str, Any] | None = None,
    log: bool = True,
    *,
    log_bodies: bool = False,
    linger_s: float = 0.0,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[RunningMock]:
    """A server process on a free loopback port (0) or that one, in a session of its own.

    Ended at the latest with the block.
    """
    with tempfile.TemporaryDirectory(prefix="mock-") as folder:
        path = Path(folder) / "truth.jsonl" if log else None
        flags = ["--linger", str(linger_s), "--host", host, "--port", str(port)]
        mock = _launch(dict(config or {}), path, log_bodies, flags)
        try:
            yield mock
        finally:
            mock.stop()


def _launch(config: dict[str, Any], log: Path | None, log_bodies: bool, flags: list[str]) -> RunningMock:
    ready_read, ready_write = os.pipe()
    life_read, life_write = os.pipe()
    command = [sys.executable, "-m", "orchestrator.mockserver", "--config-json", json.dumps(config)]
    command += ["--ready-fd", str(ready_write), "--lifeline-fd", str(life_read), *flags]
    command += [] if log is None else ["--log", str(log)]
    command += ["--log-bodies"] if log_bodies else []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(ready_write, life_read),
        start_new_session=True,
    )
    os.close(ready_write)
    os.close(life_read)
    url = _first_line(ready_read)
    if not url:
        os.close(life_write)
        process.kill()
        raise RuntimeError(f"the mock server did not start, exit code {process.wait()}")
    return RunningMock(url, log, process, life_write)


def _first_line(fd: int) -> str:
    """What is written to a pipe until it closes; empty when nothing comes in START_S."""
    text = b""
    with os.fdopen(fd, "rb", buffering=0) as pipe:
        while not text.endswith(b"\n") and select.select([pipe], [], [], START_S)[0]:
            piece = pipe.read(4096)
            if not piece:
                break
            text += piece
    return text.decode().strip()


class ThreadedMock:
    """A server in a thread of this process."""

    def __init__(self, config: Mapping[str, Any], log: Path, log_bodies: bool) -> None:
        self.log = log
        self.server = MockServer(config_from(config), log=log, log_bodies=log_bodies)
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mock-server")

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(START_S), "the mock server did not start"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)

    def records(self) -> list[TruthRecord]:
        if self._thread.is_alive():
            time.sleep(SETTLE_S)
        return read_truth(self.log)

    def completions(self) -> list[TruthRecord]:
        return _completions(self.records())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        await self.server.start()
        self._ready.set()
        await self._ended.wait()
        await self.server.stop()


@contextmanager
def threaded_mock(config: Mapping[str, Any] | None = None, *, log_bodies: bool = False) -> Iterator[ThreadedMock]:
    with tempfile.TemporaryDirectory(prefix="mock-") as folder:
        mock = ThreadedMock(config or {}, Path(folder) / "truth.jsonl", log_bodies)
        mock.start()
        try:
            yield mock
        finally:
            mock.stop()


def _completions(records: list[TruthRecord]) -> list[TruthRecord]:
    numbered = [(record.arrival, record) for record in records if record.arrival is not None]
    return [record for _, record in sorted(numbered, key=lambda pair: pair[0])]
