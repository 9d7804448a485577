"""What a dataset is to the plan: texts, and a pure function from request numbers to requests. Knows no format.

A text is the inside of a JSON string (UTF-8, escaped, no quotes); a prompt is a list of pieces of texts. So a text is
stored once however often it is used, and a worker makes a body by joining bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Requests:
    """n requests in columns. Request i has the pieces offsets[i]:offsets[i + 1].

    `output_tokens` -1: not asked; `prompt_tokens` -1: not counted. `model` indexes the plan's models. `session`: the
    number of the session that a request is a turn of, a session's turns following each other; None where requests stand
    alone. `role` is as in function.contract.workload: an index of ROLES opens a message, CONTINUE goes
    on with it. `text` indexes the dataset's texts; `start` and `bytes` are in bytes of that text.
    """

    output_tokens: Int32
    prompt_tokens: Int32
    model: Int32
    session: Int64 | None
    offsets: Int64
    role: UInt8
    text: Int32
    start: Int64
    bytes: Int32


class Dataset(Protocol):
    """`draw` is a pure function of (seed, k): how ks are batched changes nothing. ks ascend."""

    @property
    def texts(self) -> Sequence[bytes]:
        """Prompt material, in the order that `Requests.text` counts by."""

    @property
    def usable(self) -> int | None:
        """Entries that can be asked; None where there are no entries (made-up prompts)."""

    @property
    def skipped(self) -> Sequence[tuple[str, int]]:
        """(reason, count) of the entries that cannot."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the results has to know: estimated lengths, for example."""

    def draw(self, ks: Int64) -> Requests: ...

    def opening(self, k: int) -> int:
        """The first request from k on that does not go on with a session."""
