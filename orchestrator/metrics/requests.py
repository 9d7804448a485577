"""All planned requests of a run as columns: what every metric, finding and report is computed from.

Row i of each column is one request; rows ascend by request_index. Times are int64 ns since the run's t0, NEVER where
the thing did not happen; counts are UNKNOWN where nobody gave one. It knows no metric and no file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from function.contract.keys import parse_shard
from function.contract.record import STATUSES

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Int8 = NDArray[np.int8]
Bool = NDArray[np.bool_]
Gaps = NDArray[np.uint32] | NDArray[np.int64]

NEVER = int(np.iinfo(np.int64).min)
UNKNOWN = -1
OK, FAILED, TIMED_OUT, MISSED, ABORTED, LOST = range(len(STATUSES))


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few distinct strings: `words[codes[i]]`, null where the code is UNKNOWN."""

    codes: Int32
    words: tuple[str, ...]

    def take(self, rows: Int64) -> Coded:
        return Coded(self.codes[rows], self.words)

    def is_word(self, word: str) -> Bool:
        found: Bool = self.codes == (self.words.index(word) if word in self.words else len(self.words))
        return found


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Times of output events as gaps in ns: row i has gaps[start[i] : start[i] + count[i]].

    The first gap counts from `sent`, each other one from the event before. Rows share one pool of gaps in no order.
    """

    start: Int64
    count: Int32
    gaps: Gaps

    def take(self, rows: Int64) -> TokenTimes:
        return TokenTimes(self.start[rows], self.count[rows], self.gaps)

    def absolute(self, sent_ns: Int64) -> tuple[Int64, Int64]:
        """(offsets[n + 1], event times in ns since t0), row after row."""
        offsets = np.concatenate(([0], np.cumsum(self.count, dtype=np.int64)))
        place = np.repeat(self.start - offsets[:-1], self.count)
        place += np.arange(offsets[-1])
        times = np.cumsum(self.gaps[place], dtype=np.int64)
        before = np.concatenate(([0], times))[offsets[:-1]]
        times += np.repeat(sent_ns - before, self.count)
        return offsets, times


@dataclass(frozen=True, slots=True)
class Requests:
    """n planned requests. `shard` codes index `shard_ids`; `status` codes index contract.record.STATUSES.

    `eligible_ns`: when the request could first be sent, max(scheduled, the cap freed a place). `output_tokens` is the
    server's usage, else counted after the run; `usage` says which rows the server counted. `planned_tokens` is the
    plan's count of the prompt, `prompt_tokens` the server's.
    """

    shard_ids: tuple[str, ...]
    request_index: Int64
    stage: Int32
    shard: Int32
    scheduled_ns: Int64
    eligible_ns: Int64
    sent_ns: Int64
    first_byte_ns: Int64
    first_token_ns: Int64
    first_content_token_ns: Int64
    last_token_ns: Int64
    end_ns: Int64
    connect_ns: Int64
    status: Int8
    http_status: Int32
    error_kind: Coded
    error_message: Coded
    prompt_tokens: Int32
    planned_tokens: Int32
    output_tokens: Int32
    asked_tokens: Int32
    cached_tokens: Int32
    reasoning_tokens: Int32
    events: Int32
    malformed_events: Int32
    request_bytes: Int64
    response_bytes: Int64
    connection_reused: Int8
    usage: Bool
    session: Coded
    model: Coded
    tokens: TokenTimes

    def __len__(self) -> int:
        return len(self.request_index)

    def take(self, rows: Int64) -> Requests:
        """The rows named, in that order; token times are shared, not copied."""
        columns: dict[str, Any] = {field.name: _taken(getattr(self, field.name), rows) for field in fields(self)}
        return Requests(**columns)

    def where(self, mask: Bool) -> Requests:
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def of_stage(self, stage: int) -> Requests:
        return self.where(self.stage == stage)

    def with_status(self, *codes: int) -> Bool:
        found: Bool = np.isin(self.status, codes)
        return found

    @property
    def ok(self) -> Bool:
        found: Bool = self.status == OK
        return found

    @property
    def sent(self) -> Bool:
        found: Bool = self.sent_ns != NEVER
        return found

    @property
    def prompt_counts(self) -> Int32:
        """Prompt tokens: the server's usage, else the plan's count, else UNKNOWN."""
        counts: Int32 = np.where(self.prompt_tokens >= 0, self.prompt_tokens, self.planned_tokens).astype(np.int32)
        return counts

    @property
    def lane(self) -> Int32:
        lanes = np.array([parse_shard(shard).lane for shard in self.shard_ids], np.int32)
        return lanes[self.shard] if len(self.shard_ids) else self.shard

    @property
    def slice(self) -> Int32:
        slices = np.array([parse_shard(shard).slice for shard in self.shard_ids], np.int32)
        return slices[self.shard] if len(self.shard_ids) else self.shard


def _taken(value: object, rows: Int64) -> object:
    if isinstance(value, np.ndarray):
        return value[rows]
    return value.take(rows) if isinstance(value, Coded | TokenTimes) else value
