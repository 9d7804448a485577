"""The Lambda handler called in this process: a run in a bucket, an orchestrator that beats, and invocations of it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from function.contract.codec import encode
from function.entry.aws_lambda import WorkerFailed, handler
from function.store.port import ObjectStore
from tests.function.little_run import LittleRun, shard_spec, unix_ns_in, workload_part

CANARY = "sk-canary-5b1f0c2e"
SECOND = 1_000_000_000


class Context:
    def __init__(self, limit_s: float) -> None:
        self._end_s = time.monotonic() + limit_s

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end_s - time.monotonic()) * 1000))


class Run:
    """A run in the bucket, its orchestrator in a thread that beats."""

    def __init__(self, root: ObjectStore, url: str, seconds: float = 1.0, rate: int = 20, **spec: Any) -> None:
        workload = workload_part([i * SECOND // rate for i in range(int(rate * seconds))])
        changes = {"slice_end_ns": int(seconds * SECOND), "lease_s": 20.0, **spec}
        self.store = root.at("runs/r1")
        self.little = LittleRun(self.store, workload, shard_spec(workload, url, **changes))
        self._silent = threading.Event()
        self._thread = threading.Thread(target=self._orchestrate)
        self._thread.start()

    def _orchestrate(self) -> None:
        while not self._silent.wait(0.2):
            if not self.little.granted and self.little.ready():
                self.little.go(unix_ns_in(0.7))
            else:
                self.little.renew()

    def event(self, attempt: int = 0) -> dict[str, Any]:
        return json.loads(encode(self.little.payload(attempt)))

    def close(self) -> None:
        self._silent.set()
        self._thread.join()
        self.store.close()


def invoke(event: Any, limit_s: float = 60.0) -> dict[str, Any]:
    return handler(event, Context(limit_s))


def refusal(event: Any, limit_s: float = 60.0) -> str:
    with pytest.raises(WorkerFailed) as failed:
        invoke(event, limit_s)
    said = str(failed.value)
    assert "\n" not in said and failed.value.__cause__ is None
    return said
