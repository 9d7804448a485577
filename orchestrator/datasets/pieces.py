"""Ragged columns: several arrays of pieces, one per place in a prompt, woven into one list of pieces per request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from function.contract.workload import ROLES
from orchestrator.datasets.port import Int32, Int64, Requests, UInt8

USER = ROLES.index("user")
Mask = NDArray[np.bool_]


class Layer(NamedTuple):
    """One possible piece of every request; `present` False where a request has none."""

    present: Mask
    role: UInt8
    text: Int32
    start: Int64
    bytes: Int32


class Woven(NamedTuple):
    """As the columns of Requests."""

    offsets: Int64
    role: UInt8
    text: Int32
    start: Int64
    bytes: Int32


def layer(
    present: Mask | bool, role: UInt8 | int, text: Int32 | int, start: Int64, bytes_: Int32 | Int64 | int
) -> Layer:
    """Scalars stand for columns of that value."""
    count = start.size
    return Layer(
        np.broadcast_to(np.asarray(present), count),
        np.broadcast_to(np.asarray(role, dtype=np.uint8), count),
        np.broadcast_to(np.asarray(text, dtype=np.int32), count),
        start,
        np.broadcast_to(np.asarray(bytes_, dtype=np.int32), count),
    )


def weave(layers: Sequence[Layer]) -> Woven:
    """Pieces by request, then in the order of the layers."""
    layers = [one for one in layers if one.present.any()] or [*layers[:1]]
    present = np.stack([one.present for one in layers], axis=1)
    everywhere = bool(present.all())
    offsets = np.zeros(present.shape[0] + 1, dtype=np.int64)
    np.cumsum(present.sum(axis=1), out=offsets[1:])

    def column(index: int) -> NDArray[np.generic]:
        stacked: NDArray[np.generic] = np.stack([one[index] for one in layers], axis=1)
        return stacked.ravel() if everywhere else stacked[present]

    return Woven(offsets, column(1), column(2), column(3), column(4))  # type: ignore[arg-type]  # dtypes are the layers'


def same_model(count: int) -> Int32:
    """All requests ask the run's one model."""
    return np.zeros(count, dtype=np.int32)


def requests(
    output_tokens: Int64 | Int32, prompt_tokens: Int64 | Int32, woven: Woven, session: Int64 | None = None
) -> Requests:
    return Requests(
        np.asarray(output_tokens, dtype=np.int32),
        np.asarray(prompt_tokens, dtype=np.int32),
        same_model(output_tokens.size),
        session,
        *woven,
    )
