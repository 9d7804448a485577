"""Fills the schedule with requests and cuts it into shards: each shard's workload part, and the digest of them all.

Goes through a phase slice by slice and through a slice by blocks of k: draws are dense, and memory holds one slice.
Knows nothing of specs, targets or coordination.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from function.contract import codec
from function.contract.keys import shard_id
from function.contract.spec import TextRef
from orchestrator.datasets.port import Dataset, Int32, Int64, Requests
from orchestrator.plan.digest import WorkloadDigest
from orchestrator.plan.gather import Picker, concatenate
from orchestrator.plan.partition import SessionShare, Share, by_session, lanes_of, partition
from orchestrator.plan.parts import PartWriter, Rows
from orchestrator.plan.phases import Phase, Schedule
from orchestrator.plan.volume import Volume

BLOCK_ROWS = 1 << 18
THREADS = 2  # compression and digests leave the interpreter to the other thread; a third gains nothing


@dataclass(frozen=True, slots=True)
class Part:
    """One shard's workload. `texts` is its own text table, only what it uses; `first_k`: its first request_index, or
    with sessions the first one for rows used again."""

    phase: Phase
    share: Share | SessionShare
    lanes: int
    shard: str
    body: bytes
    sha256: str
    texts: tuple[TextRef, ...]
    first_k: int


@dataclass(frozen=True, slots=True)
class Workload:
    """`sessions`: how many each slice of a phase plays; empty where requests stand alone."""

    parts: Sequence[Part]
    texts: dict[str, bytes]
    workload_hash: str
    volume: Volume
    sessions: Sequence[tuple[Phase, int]]


def make(schedule: Schedule, lanes: int, dataset: Dataset, model_names: Sequence[str]) -> Workload:
    """Every shard of every phase. `model_names` are what the config asks for, hashed beside the rows."""
    with ThreadPoolExecutor(THREADS) as pool:
        maker = _Maker(dataset, pool)
        parts = [part for phase in schedule.phases for part in maker.phase(phase, lanes_of(phase, lanes))]
    refs = maker.table.refs
    used = [None if ref is None else ref.sha256 for ref in refs]
    workload_hash = maker.digest.finish(used, model_names, [phase.users for phase in schedule.phases])
    texts = {ref.sha256: bytes(text) for ref, text in zip(refs, dataset.texts) if ref is not None}
    return Workload(parts, texts, workload_hash, maker.volume, maker.sessions)


class _Table:
    """References to the dataset's texts, made when one is first used."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts
        self.refs: list[TextRef | None] = [None] * len(texts)

    def ref(self, index: int) -> TextRef:
        found = self.refs[index]
        if found is None:
            body = self._texts[index]
            found = self.refs[index] = TextRef(codec.digest(body), len(body))
        return found

    def own(self, text: Int32) -> tuple[tuple[TextRef, ...], Int32]:
        """A table of only the texts that occur in `text`, and `text` counting by it."""
        used = np.flatnonzero(np.bincount(text, minlength=len(self.refs)))
        renamed = np.zeros(len(self.refs), dtype=np.int32)
        renamed[used] = np.arange(used.size, dtype=np.int32)
        return tuple(self.ref(index) for index in used.tolist()), renamed[text]


class _Maker:
    def __init__(self, dataset: Dataset, pool: ThreadPoolExecutor) -> None:
        self._dataset = dataset
        self._pool = pool
        self._writer = PartWriter()
        self.table = _Table(dataset.texts)
        self.digest = WorkloadDigest()
        self.volume = Volume()
        self.sessions: list[tuple[Phase, int]] = []

    def phase(self, phase: Phase, lanes: int) -> Iterator[Part]:
        for slice_, shares in groupby(partition(phase, lanes), key=lambda share: share.slice):
            own: Sequence[Share | SessionShare] = (cut := list(shares))
            stage = _stages(phase, cut[0].slice_row, phase.slice_rows[slice_])
            requests = self._draw(phase, slice_, cut[0].slice_row, stage)
            if requests.session is not None:
                own = by_session(cut, requests.session, phase.users or 1)
                self.sessions.append((phase, np.unique(requests.session).size))
            picker = Picker(requests)
            yield from self._pool.map(partial(self._part, phase, lanes, picker, stage), own)

    def _draw(self, phase: Phase, slice_: int, slice_row: int, stage: Int32) -> Requests:
        first_k = self._dataset.opening(phase.first_ks[slice_])
        blocks = []
        for start in range(0, max(stage.size, 1), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, stage.size)
            block = self._dataset.draw(np.arange(first_k + start, first_k + stop, dtype=np.int64))
            due_ns = _scheduled(phase, slice(slice_row + start, slice_row + stop), stop - start)
            self.digest.add(due_ns, stage[start:stop], block)
            self.volume = self.volume.plus(block)
            blocks.append(block)
        return concatenate(blocks)

    def _part(self, phase: Phase, lanes: int, picker: Picker, stage: Int32, share: Share | SessionShare) -> Part:
        requests = picker.rows(share.within)
        refs, text = self.table.own(requests.text)
        rows = Rows(
            request_index=phase.first_ks[share.slice] + share.numbers,
            scheduled_ns=_due(phase, share),
            stage=stage[share.within],
            requests=_with_text(requests, text),
        )
        body = self._writer.write(rows)
        shard = shard_id(phase.index, share.lane, share.slice)
        return Part(phase, share, lanes, shard, body, codec.digest(body), refs, _first_k(phase, share, lanes))


def _with_text(requests: Requests, text: Int32) -> Requests:
    return Requests(
        requests.output_tokens,
        requests.prompt_tokens,
        requests.model,
        requests.session,
        requests.offsets,
        requests.role,
        text,
        requests.start,
        requests.bytes,
    )


def _first_k(phase: Phase, share: Share | SessionShare, lanes: int) -> int:
    """See Part. A lane's rows used again take every N-th number from where the slice's rows end and one step on, since
    a worker steps on from its last row."""
    first_k = phase.first_ks[share.slice]
    if isinstance(share, Share):
        return first_k + share.first
    return first_k + phase.slice_rows[share.slice] + lanes + share.lane


def _due(phase: Phase, share: Share | SessionShare) -> Int64:
    """When the share's requests are due."""
    if phase.scheduled_ns is None:
        return np.zeros(share.rows, dtype=np.int64)
    return phase.scheduled_ns[share.slice_row : share.slice_row + phase.slice_rows[share.slice]][share.within]


def _scheduled(phase: Phase, rows: slice, count: int) -> Int64:
    """0 in closed loops: a user's next request is due when the user is free."""
    return np.zeros(count, dtype=np.int64) if phase.scheduled_ns is None else phase.scheduled_ns[rows]


def _stages(phase: Phase, first: int, count: int) -> Int32:
    """Stage index of rows first .. first + count - 1 of the phase."""
    edges = np.clip([*phase.stage_rows, phase.rows], first, first + count)
    if len(phase.stages) == 1:
        return np.full(count, phase.stages[0], dtype=np.int32)
    return np.repeat(np.array(phase.stages, dtype=np.int32), np.diff(edges))
