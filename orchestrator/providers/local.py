"""The local provider: one process per shard attempt, on this machine, from the entry the clouds use.

Each is started in a session of its own, so that a terminal's Ctrl-C and hang-up do not reach it: it obeys the store
alone, and outlives an orchestrator that was killed by no more than its lease. Nothing of the worker's code is imported
here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Payload
from function.contract.errors import ProviderError
from orchestrator.providers.child import PYTHON, finding_us
from orchestrator.providers.port import Ended

WORKER = (*PYTHON, "function.entry.local")
POLL_S = 0.05
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


@dataclass(slots=True)
class _Invocation:
    shard: str
    attempt: int
    process: subprocess.Popen[bytes]
    log: Path


class LocalProvider:
    """`logs` takes a file of stderr per attempt, kept where it says something. `secrets`: variables for the workers."""

    def __init__(self, logs: Path, secrets: Mapping[str, str] | None = None) -> None:
        self._logs = logs
        self._secrets = dict(secrets or {})
        self._live: list[_Invocation] = []

    @property
    def poll_s(self) -> float:
        return POLL_S

    def invoke(self, payload: Payload) -> None:
        log = self._logs / f"{keys.attempt_id(payload.shard, payload.attempt)}.log"
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            with open(log, "ab") as stderr:
                process = subprocess.Popen(
                    WORKER,
                    stdin=subprocess.PIPE,
                    stdout=stderr,
                    stderr=stderr,
                    env=worker_environment(payload.run, self._secrets),
                    start_new_session=True,
                )
        except OSError as error:
            raise ProviderError(f"cannot start a worker process: {error}", code="worker_start") from error
        self._live.append(_Invocation(payload.shard, payload.attempt, process, log))
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:  # it may have died already: then `ended` says so
                process.stdin.write(encode(payload))

    def ended(self) -> list[Ended]:
        over = [one for one in self._live if one.process.poll() is not None]
        self._live = [one for one in self._live if one.process.returncode is None]
        return [_report(one) for one in over]

    def stop_all(self, grace_s: float) -> list[Ended]:
        found = self._await(grace_s)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for one in self._live:
                _signal(one.process, number)
            found += self._await(KILL_AFTER_S)
        return found

    def leave(self) -> None:
        for one in self._live:
            one.process.returncode = 0  # or its destructor would warn of a process that is meant to go on
        self._live = []

    def _await(self, seconds: float) -> list[Ended]:
        deadline = time.monotonic() + seconds
        found = self.ended()
        while self._live and time.monotonic() < deadline:
            time.sleep(0.02)
            found += self.ended()
        return found


def worker_environment(run: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """What a worker may see of ours: no credentials but those its store needs and those it was given by name."""
    scheme = run.partition("://")[0]
    prefixes = _ENVIRONMENT_PREFIXES + _STORE_ENVIRONMENT.get(scheme, ())
    mine = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith(prefixes)}
    return {**finding_us(mine), "PYTHONUNBUFFERED": "1", **secrets}


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To its whole session. A stopped process acts on SIGTERM only when continued, so it gets SIGCONT as well."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
        os.killpg(process.pid, signal.SIGCONT)


def _report(one: _Invocation) -> Ended:
    tail = ""
    with suppress(OSError):
        tail = _tail(one.log)
        if one.log.stat().st_size == 0:
            one.log.unlink()
    return Ended(one.shard, one.attempt, one.process.returncode, tail)


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode(errors="replace").strip()
