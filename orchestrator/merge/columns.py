"""The table while it is being filled: one array per column, a place per planned request.

Rows are written by place, whole columns at a time. A request that two rows claim keeps the later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from function.contract.record import STATUSES
from orchestrator.merge.parts import PartTable, counts, flags, times, words
from orchestrator.metrics.requests import LOST, NEVER, OK, UNKNOWN, Coded, Int32, Int64, Requests, TokenTimes

_TIMES = (
    "scheduled_ns",
    "eligible_ns",
    "sent_ns",
    "first_byte_ns",
    "first_token_ns",
    "first_content_token_ns",
    "last_token_ns",
    "end_ns",
    "connect_ns",
)
_COUNTS = (
    "http_status",
    "prompt_tokens",
    "output_tokens",
    "asked_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "events",
    "malformed_events",
)
_BYTES = ("request_bytes", "response_bytes")
_WORDS = ("error_kind", "error_message", "session", "model")


class Lexicon:
    """Distinct words of a column, numbered as they come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, word: str) -> int:
        return self._codes.setdefault(word, len(self._codes))

    def codes(self, local: Int32, words: Iterable[str]) -> Int32:
        """Codes into `words` as codes of this lexicon; UNKNOWN stays."""
        mine = np.array([*(self.code(word) for word in words), UNKNOWN], np.int32)
        return mine[local]

    def words(self) -> tuple[str, ...]:
        return tuple(self._codes)


class Columns:
    """n rows. What nobody writes stays NEVER, UNKNOWN and `lost`."""

    def __init__(self, index: Int64) -> None:
        n = len(index)
        self.index = index
        self.stage = np.zeros(n, np.int32)
        self.shard = np.zeros(n, np.int32)
        self.status = np.full(n, LOST, np.int8)
        self.planned_tokens = np.full(n, UNKNOWN, np.int32)
        self.connection_reused = np.full(n, UNKNOWN, np.int8)
        self.times = {name: np.full(n, NEVER) for name in _TIMES}
        self.counts = {name: np.full(n, UNKNOWN, np.int32) for name in _COUNTS}
        self.bytes = {name: np.full(n, UNKNOWN, np.int64) for name in _BYTES}
        self.words = {name: np.full(n, UNKNOWN, np.int32) for name in _WORDS}
        self.lexicons = {name: Lexicon() for name in _WORDS}
        self.start = np.zeros(n, np.int64)
        self.count = np.zeros(n, np.int32)
        self.recorded = np.zeros(n, np.bool_)
        self._gaps: list[np.ndarray] = []
        self._pool = 0

    def kind(self, places: Int64, status: int, kind: str) -> None:
        """Rows that no worker wrote."""
        self.status[places] = status
        self.words["error_kind"][places] = self.lexicons["error_kind"].code(kind)

    def write(self, places: Int64, rows: pa.Table) -> None:
        """Row i of `rows` (record.COLUMNS but the gaps) to place i."""
        codes, names = words(rows, "status")
        self.status[places] = np.array([*map(STATUSES.index, names), LOST], np.int8)[codes]
        for name, column in self.times.items():
            found = times(rows, name)
            if name in ("scheduled_ns", "eligible_ns"):
                known = found != NEVER
                column[places[known]] = found[known]
            else:
                column[places] = found
        for name, column in (*self.counts.items(), *self.bytes.items()):
            column[places] = counts(rows, name)
        for name in ("error_kind", "error_message", "model"):
            local, distinct = words(rows, name)
            codes = self.lexicons[name].codes(local, distinct)
            known = codes != UNKNOWN if name == "model" else slice(None)
            self.words[name][places[known]] = codes[known]
        self.connection_reused[places] = flags(rows, "connection_reused")
        self.recorded[places] = True

    def write_gaps(self, places: Int64, part: PartTable) -> None:
        """Row i of the part to place i; NEVER-th places (negative) are left out, their gaps stay unused in the pool."""
        starts = self._pool + np.cumsum(part.events, dtype=np.int64) - part.events
        known = places >= 0
        self.start[places[known]] = starts[known]
        self.count[places[known]] = part.events[known]
        self._gaps.append(part.gaps)
        self._pool += len(part.gaps)

    def finish(self, shard_ids: tuple[str, ...], count_outputs: Callable[[Columns], None]) -> Requests:
        """`count_outputs` fills output_tokens where the server gave no count."""
        usage = self.counts["output_tokens"] >= 0
        count_outputs(self)
        gaps = np.concatenate(self._gaps) if self._gaps else np.empty(0, np.uint32)
        self._gaps.clear()
        # An instant of sending without one of being due would be late by centuries.
        sent = (self.times["sent_ns"] != NEVER) & (self.times["scheduled_ns"] == NEVER)
        self.times["scheduled_ns"][sent] = self.times["sent_ns"][sent]
        return Requests(
            shard_ids=shard_ids,
            request_index=self.index,
            stage=self.stage,
            shard=self.shard,
            status=self.status,
            planned_tokens=self.planned_tokens,
            connection_reused=self.connection_reused,
            usage=usage & (self.status == OK),
            tokens=TokenTimes(self.start, self.count, gaps),
            **self.times,
            **self.counts,
            **self.bytes,
            **{name: Coded(codes, self.lexicons[name].words()) for name, codes in self.words.items()},
        )
