"""workload_hash: one digest of what will be asked and when, in order of k.

Times (users, in a closed loop), stages, pieces of content-addressed texts, lengths and models go in; lanes, slices,
addresses, run ids and how requests are batched do not: two runs with the same hash replay the same plan, whatever sent
it. Only a closed loop by time numbers its requests by slices, so there the hash speaks of the slices as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator.datasets.port import Requests

_VERSION = 1
_COLUMNS: dict[str, str] = {
    "scheduled_ns": "<i8",
    "stage": "<i4",
    "output_tokens": "<i4",
    "model": "<i4",
    "pieces": "<i4",
    "role": "|u1",
    "text": "<i4",
    "start": "<i8",
    "bytes": "<i4",
}


class WorkloadDigest:
    """Fed with blocks of requests that follow each other; a digest per column, so that blocks leave no trace."""

    def __init__(self) -> None:
        self._columns = {name: hashlib.sha256() for name in _COLUMNS}
        self._sessions = hashlib.sha256()
        self._rows = 0

    def add(self, scheduled_ns: NDArray[np.int64], stage: NDArray[np.int32], requests: Requests) -> None:
        columns: dict[str, NDArray[np.generic]] = {
            "scheduled_ns": scheduled_ns,
            "stage": stage,
            "output_tokens": requests.output_tokens,
            "model": requests.model,
            "pieces": np.diff(requests.offsets),
            "role": requests.role,
            "text": requests.text,
            "start": requests.start,
            "bytes": requests.bytes,
        }
        for name, values in columns.items():
            self._columns[name].update(np.ascontiguousarray(values, dtype=_COLUMNS[name]).data)
        if requests.session is not None:
            self._sessions.update(np.ascontiguousarray(requests.session, dtype="<i8").data)
        self._rows += scheduled_ns.size

    def finish(self, texts: Sequence[str | None], models: Sequence[str], users: Sequence[int | None] = ()) -> str:
        """`texts`: sha256 of each, None for those that no request uses. `models`: the names the config asks for.

        `users` of each phase: in a closed loop they are what times are in an open one. None there.
        """
        head = {"rows": self._rows, "texts": list(texts), "models": list(models), "users": list(users)}
        head["version"] = _VERSION
        total = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        for name in _COLUMNS:
            total.update(self._columns[name].digest())
        total.update(self._sessions.digest())
        return total.hexdigest()
