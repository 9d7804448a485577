"""An orchestrator by hand: drives real workers on a copy of a stored run, one protocol step at a time.

A finished run's plan, specs, texts and workload are copied into a fresh folder; the test then writes control and go
itself, so that it can withhold, delay, double or lose any of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from function.contract import keys
from function.contract.codec import decode, digest, encode
from function.contract.control import Control, ControlState, Go, Payload
from function.store.local import LocalStore
from tests.e2e.harness import environment


class ByHand:
    """`beat()` starts renewing control every `every` seconds; `silence()` stops it, as a dead orchestrator would."""

    def __init__(self, source: Path, folder: Path, lease_s: float = 6.0) -> None:
        for name in ("plan.json", "texts", "workload", "shards"):
            copy = shutil.copytree if (source / name).is_dir() else shutil.copy
            if (source / name).exists():
                (folder).mkdir(parents=True, exist_ok=True)
                copy(source / name, folder / name)
        self.folder = folder
        self.store = LocalStore(folder)
        self.plan_hash = digest((folder / "plan.json").read_bytes())
        self.granted: tuple[str, ...] = ()
        self._lease_s = lease_s
        self._beat = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.processes: list[subprocess.Popen[bytes]] = []
        self._version = self.store.create(keys.CONTROL, encode(self._control("wait"))).version

    def _control(self, state: ControlState, reason: str | None = None) -> Control:
        return Control(state, 0, self._beat, self.granted, self._lease_s, "by-hand", reason)

    def renew(self) -> None:
        self._beat += 1
        state: ControlState = "go" if self.granted else "wait"
        self._version = self.store.replace(keys.CONTROL, encode(self._control(state)), self._version).version

    def beat(self, every: float = 0.5) -> None:
        def loop() -> None:
            while not self._stop.wait(every):
                self.renew()

        self._stop.clear()
        self._thread = threading.Thread(target=loop, daemon=True)
        self._thread.start()

    def silence(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def go(self, attempts: dict[str, int], delay_s: float = 1.0) -> int:
        """Creates go for phase 0, slice 0 and grants it with the next renewal; returns t0 in unix ns."""
        t0 = time.time_ns() + int(delay_s * 1e9)
        self.store.create(keys.go("0-0"), encode(Go(0, 0, t0, t0, attempts, "by-hand")))
        self.granted = ("0-0",)
        return t0

    def abort(self, reason: str = "user") -> None:
        self.silence()
        self.store.put(keys.CONTROL, encode(self._control("abort", reason)))

    def payload(self, shard: str, attempt: int = 0, not_after: float | None = None) -> bytes:
        late = time.time() + 120 if not_after is None else not_after
        return encode(Payload(str(self.folder), shard, attempt, self.plan_hash, late))

    def invoke(self, shard: str, attempt: int = 0, *flags: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "function.entry.local", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(self.payload(shard, attempt))
        process.stdin.close()
        process.stdin = None
        self.processes.append(process)
        return process

    def wait_ready(self, *attempts: str, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        while not all((self.folder / keys.ready(attempt)).exists() for attempt in attempts):
            assert time.monotonic() < deadline, f"not ready: {attempts}; {self.errors()}"
            time.sleep(0.05)

    def errors(self) -> list[bytes]:
        return [process.stderr.read() for process in self.processes if process.poll() is not None and process.stderr]

    def receipt(self, shard: str) -> dict[str, object]:
        return json.loads((self.folder / keys.receipt(shard)).read_text())

    def control(self) -> Control:
        return decode(Control, self.store.get(keys.CONTROL).body)

    def close(self) -> None:
        self.silence()
        for process in self.processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
                    os.kill(process.pid, signal.SIGKILL)
            process.communicate()


@contextlib.contextmanager
def by_hand(source: Path, folder: Path, lease_s: float = 6.0) -> Iterator[ByHand]:
    hand = ByHand(source, folder, lease_s)
    try:
        yield hand
    finally:
        hand.close()
