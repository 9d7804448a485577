"""Picking rows out of many requests, pieces and all, without a Python loop: every N-th row makes a shard's part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.datasets.port import Int64, Requests

T = TypeVar("T", bound=np.generic)
Within = slice | Int64


class Pick(Protocol):
    def __call__(self, column: NDArray[T]) -> NDArray[T]: ...


def concatenate(blocks: Sequence[Requests]) -> Requests:
    """Blocks that follow each other as one."""
    if len(blocks) == 1:
        return blocks[0]
    sessions = [block.session for block in blocks if block.session is not None]
    shifts = np.cumsum([0, *(int(block.offsets[-1]) for block in blocks)])
    offsets = [block.offsets[1:] + shift for block, shift in zip(blocks, shifts)]
    return Requests(
        output_tokens=np.concatenate([block.output_tokens for block in blocks]),
        prompt_tokens=np.concatenate([block.prompt_tokens for block in blocks]),
        model=np.concatenate([block.model for block in blocks]),
        session=np.concatenate(sessions) if sessions else None,
        offsets=np.concatenate([np.zeros(1, dtype=np.int64), *offsets]),
        role=np.concatenate([block.role for block in blocks]),
        text=np.concatenate([block.text for block in blocks]),
        start=np.concatenate([block.start for block in blocks]),
        bytes=np.concatenate([block.bytes for block in blocks]),
    )


class Picker:
    """Rows of `requests` by slice or by number. Where all have as many pieces, these are rows of a matrix."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._counts = np.diff(requests.offsets)
        first = int(self._counts[0]) if self._counts.size else 0
        self._width = first if bool((self._counts == first).all()) else 0

    def rows(self, within: Within) -> Requests:
        requests = self._requests
        counts = self._counts[within]
        offsets = np.zeros(counts.size + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        pick = self._matrix(within) if self._width else self._indexed(within, counts, offsets)
        return Requests(
            output_tokens=requests.output_tokens[within],
            prompt_tokens=requests.prompt_tokens[within],
            model=requests.model[within],
            session=None if requests.session is None else requests.session[within],
            offsets=offsets,
            role=pick(requests.role),
            text=pick(requests.text),
            start=pick(requests.start),
            bytes=pick(requests.bytes),
        )

    def _matrix(self, within: Within) -> Pick:
        def pick(column: NDArray[T]) -> NDArray[T]:
            return column.reshape(-1, self._width)[within].ravel()

        return pick

    def _indexed(self, within: Within, counts: Int64, offsets: Int64) -> Pick:
        """Pieces offsets[r] .. offsets[r + 1] of each row r that is picked, one after the other."""
        shift = self._requests.offsets[:-1][within] - offsets[:-1]
        at = np.repeat(shift, counts) + np.arange(int(offsets[-1]), dtype=np.int64)

        def pick(column: NDArray[T]) -> NDArray[T]:
            return column[at]

        return pick
