"""The local provider: one process per shard attempt, on this machine, from the entry the clouds use.

Each is started in a session of its own, so that a terminal's Ctrl-C and hang-up do not reach it: it obeys the store
alone, and outlives an orchestrator that was killed by no more than its lease. Nothing of the worker's code is imported
here. A process waits for its payload on standard input, so some can be started while the run is still being planned.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Payload
from function.contract.errors import ProviderError
from orchestrator.providers.child import PYTHON, finding_us
from orchestrator.providers.port import Ended

WORKER = (*PYTHON, "function.entry.local")
POLL_S = 0.05
MOST_WARM = 8  # started ahead at once, or they take the machine from the planning they are to save time on
TAIL_BYTES = 4000
KILL_AFTER_S = 2.0  # from SIGTERM to SIGKILL

_ENVIRONMENT = (
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "NO_PROXY",
    "PATH",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "no_proxy",
)
_ENVIRONMENT_PREFIXES = ("BENCHCTL_", "COVERAGE_", "LC_", "PYTHON", "SSL_")
_STORE_ENVIRONMENT = {"s3": ("AWS_",), "gs": ("GOOGLE_", "STORAGE_EMULATOR_HOST", "CLOUDSDK_")}


@dataclass(frozen=True, slots=True)
class _Process:
    """A worker and what it writes: an unnamed file, so that nothing is left where it had nothing to say."""

    popen: subprocess.Popen[bytes]
    words: IO[bytes]

    def tail(self) -> str:
        self.words.seek(max(0, self.words.seek(0, os.SEEK_END) - TAIL_BYTES))
        return self.words.read().decode(errors="replace").strip()

    def signal(self, number: int) -> None:
        """To its whole session. A stopped process acts on SIGTERM only once it is continued."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, number)
            os.killpg(self.popen.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class _Invocation:
    shard: str
    attempt: int
    process: _Process


class LocalProvider:
    """`run` is the URI of the run's folder; `logs` the folder that keeps what workers wrote to stderr, if anything.

    `secrets`: variables for the workers' environment.
    """

    def __init__(self, run: str, logs: Path, secrets: Mapping[str, str] | None = None) -> None:
        self._environment = worker_environment(run, secrets or {})
        self._logs = logs
        self._live: list[_Invocation] = []
        self._warm: list[_Process] = []

    @property
    def poll_s(self) -> float:
        return POLL_S

    def warm(self, count: int) -> None:
        while len(self._warm) > count:
            self._dismiss(self._warm.pop())
        while len(self._warm) < min(count, MOST_WARM):
            self._warm.append(self._start())

    def invoke(self, payload: Payload) -> None:
        process = self._warm.pop(0) if self._warm else self._start()
        self._live.append(_Invocation(payload.shard, payload.attempt, process))
        assert process.popen.stdin is not None
        with suppress(BrokenPipeError), process.popen.stdin as stdin:  # it may have died: then `ended` says so
            stdin.write(encode(payload))

    def ended(self) -> list[Ended]:
        over = [one for one in self._live if one.process.popen.poll() is not None]
        self._live = [one for one in self._live if one.process.popen.returncode is None]
        return [self._report(one) for one in over]

    def stop_all(self, grace_s: float) -> list[Ended]:
        while self._warm:
            self._dismiss(self._warm.pop())
        found = self._await(grace_s)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for one in self._live:
                one.process.signal(number)
            found += self._await(KILL_AFTER_S)
        return found

    def recorded(self) -> None:
        """Nothing is kept of a process that was reaped."""

    def leave(self) -> None:
        for one in self._live:
            one.process.popen.returncode = 0  # or its destructor would warn of a process that is meant to go on
        self._live = []

    def _start(self) -> _Process:
        words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  read when the process has ended
        try:
            popen = subprocess.Popen(
                WORKER,
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=words,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            words.close()
            raise ProviderError(f"cannot start a worker process: {error}", code="worker_start") from error
        return _Process(popen, words)

    def _dismiss(self, idle: _Process) -> None:
        idle.signal(signal.SIGKILL)  # it has no payload: there is nothing it could have begun
        idle.popen.communicate()
        idle.words.close()

    def _await(self, seconds: float) -> list[Ended]:
        deadline = time.monotonic() + seconds
        found = self.ended()
        while self._live and time.monotonic() < deadline:
            time.sleep(0.02)
            found += self.ended()
        return found

    def _report(self, one: _Invocation) -> Ended:
        tail = one.process.tail()
        one.process.words.close()
        if tail:
            with suppress(OSError):  # the tail is in the run's own record as well
                self._logs.mkdir(parents=True, exist_ok=True)
                (self._logs / f"{keys.attempt_id(one.shard, one.attempt)}.log").write_text(tail + "\n")
        return Ended(one.shard, one.attempt, one.process.popen.returncode, tail)


def worker_environment(run: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """What a worker may see of ours: no credentials but those its store needs and those it was given by name."""
    scheme = run.partition("://")[0]
    prefixes = _ENVIRONMENT_PREFIXES + _STORE_ENVIRONMENT.get(scheme, ())
    mine = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith(prefixes)}
    return {**finding_us(mine), "PYTHONUNBUFFERED": "1", **secrets}
