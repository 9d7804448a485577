"""The table while it is being filled: one array per column, a place per planned request.

Rows are written by place, whole columns at a time. A request that two rows claim keeps the later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from function.contract.record import STATUSES
from orchestrator.merge.parts import PartTable, concat, counts, flags, texts, times, words
from orchestrator.metrics.requests import LOST, NEVER, OK, UNKNOWN, Coded, Gaps, Int32, Int64, Requests, TokenTimes

CountTokens = Callable[[list[str]], Int32]

BATCH_ROWS = 100_000  # rows written at once: enough to make 40 numpy calls cheap, few enough to be small

_PLANNED = ("scheduled_ns", "asked_tokens")  # the first of times and of counts: known before anything was recorded
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
    "asked_tokens",
    "http_status",
    "prompt_tokens",
    "output_tokens",
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

    def __init__(self, index: Int64, counter: Callable[[], CountTokens | None]) -> None:
        n = len(index)
        self.index = index
        self._counter = cache(counter)
        self.stage = np.zeros(n, np.int32)
        self.shard = np.full(n, UNKNOWN, np.int32)
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
        self.usage = np.zeros(n, np.bool_)
        self._row = np.zeros(n, np.int32)
        self._pending: list[tuple[Int64, pa.Table]] = []
        self._pending_rows = 0
        self._gaps: list[Gaps] = []
        self._pool = 0

    def places(self, shard: int, index: Int64) -> Int64:
        """Where a shard's requests of these numbers lie; -1 for a number that is not its own."""
        if not len(self.index) or not len(index):
            return np.full(len(index), -1)
        last = len(self.index) - 1
        if self.index[-1] - self.index[0] == last:
            place = np.clip(index - self.index[0], 0, last)
        else:
            place = np.minimum(np.searchsorted(self.index, index), last)
        return np.where((self.index[place] == index) & (self.shard[place] == shard), place, -1)

    def claims_twice(self, places: Int64) -> bool:
        """Whether two rows of these claim one place, or one claims a place that has its row already."""
        rows = np.arange(len(places), dtype=np.int32)
        self._row[places] = rows
        return bool(self.recorded[places].any() or (self._row[places] != rows).any())

    def kind(self, places: Int64, status: int, kind: str) -> None:
        """Rows that no worker wrote."""
        self.status[places] = status
        self.words["error_kind"][places] = self.lexicons["error_kind"].code(kind)

    def add(self, places: Int64, part: PartTable) -> None:
        """Row i of the part to place i; negative places are left out. Many parts are written at once, by `flush`."""
        starts = self._pool + np.cumsum(part.events, dtype=np.int64) - part.events
        known = places >= 0
        own = places if known.all() else places[known]
        self.start[own] = starts[known]
        self.count[own] = part.events[known]
        self._gaps.append(part.gaps)
        self._pool += len(part.gaps)
        self.recorded[own] = True
        self._pending.append((own, part.rows if known.all() else part.rows.filter(known)))
        self._pending_rows += len(own)
        if self._pending_rows >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Everything added is in the columns afterwards. A later row for a place wins."""
        if self._pending:
            self._write(np.concatenate([own for own, _ in self._pending]), concat([rows for _, rows in self._pending]))
            self._pending, self._pending_rows = [], 0

    def _write(self, places: Int64, rows: pa.Table) -> None:
        codes, names = words(rows, "status")
        self.status[places] = np.array([*map(STATUSES.index, names), LOST], np.int8)[codes]
        for name in _TIMES:
            self._fill(self.times[name], places, rows, name, times)
        for name in _COUNTS:
            self._fill(self.counts[name], places, rows, name, counts)
        for name in _BYTES:
            self._fill(self.bytes[name], places, rows, name, counts)
        for name in ("error_kind", "error_message"):
            local, distinct = words(rows, name)
            self.words[name][places] = self.lexicons[name].codes(local, distinct)
        self._fill(self.connection_reused, places, rows, "connection_reused", flags)
        self._count_outputs(places, rows)

    def _fill(self, column: Any, places: Int64, rows: pa.Table, name: str, read: Callable[..., Int64]) -> None:
        """Nothing to do where all is null, as the column was before. Where a row is silent, the plan's word stays."""
        if rows[name].null_count == rows.num_rows:
            return
        found = read(rows, name)
        if name in _PLANNED and rows[name].null_count:
            known = rows[name].is_valid().to_numpy()
            places, found = places[known], found[known]
        column[places] = found

    def forget(self, places: Int64) -> None:
        """As if no row had claimed them."""
        for name in _TIMES[1:]:
            self.times[name][places] = NEVER
        for name in _COUNTS[1:]:
            self.counts[name][places] = UNKNOWN
        for name in _BYTES:
            self.bytes[name][places] = UNKNOWN
        self.count[places] = 0

    def _count_outputs(self, places: Int64, rows: pa.Table) -> None:
        """Where the server gave no usage, the answer's text was kept: count it, if there is a tokenizer."""
        output = self.counts["output_tokens"]
        self.usage[places] = output[places] >= 0
        uncounted = np.flatnonzero((output[places] < 0) & (self.status[places] == OK))
        count = self._counter() if uncounted.size else None
        if count is not None:
            output[places[uncounted]] = count(texts(rows, "output_text", uncounted))

    def finish(self, shard_ids: tuple[str, ...]) -> Requests:
        self.flush()
        gaps: Gaps = np.concatenate([np.empty(0, np.uint32), *self._gaps])
        self._gaps.clear()
        # An instant of sending without one of being due would be late by centuries.
        sent = (self.times["sent_ns"] != NEVER) & (self.times["scheduled_ns"] == NEVER)
        self.times["scheduled_ns"][sent] = self.times["sent_ns"][sent]
        columns: dict[str, Any] = {
            **self.times,
            **self.counts,
            **self.bytes,
            **{name: Coded(codes, self.lexicons[name].words()) for name, codes in self.words.items()},
        }
        return Requests(
            shard_ids=shard_ids,
            request_index=self.index,
            stage=self.stage,
            shard=self.shard,
            status=self.status,
            planned_tokens=self.planned_tokens,
            connection_reused=self.connection_reused,
            usage=self.usage,
            tokens=TokenTimes(self.start, self.count, gaps),
            **columns,
        )
