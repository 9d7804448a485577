"""`data.type: mock`: made-up prompts `1 2 3 <k>` for 30 output tokens, as inference-perf's. Needs no tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from function.contract.workload import CONTINUE
from orchestrator.datasets.digits import GROUP, padded
from orchestrator.datasets.pieces import USER, layer, requests, weave
from orchestrator.datasets.port import Int64, Requests

OUTPUT_TOKENS = 30
_HEAD = b"1 2 3 "


class Mock:
    """`unique` False: every prompt is `1 2 3 0`. `limit`: no k is that large, so no more heads are needed."""

    usable: int | None = None
    skipped: Sequence[tuple[str, int]] = ()
    notes: Sequence[str] = ()

    def __init__(self, unique: bool = True, limit: int | None = None) -> None:
        self._unique = unique
        first = GROUP if limit is None or not unique else max(1, min(limit, GROUP))
        heads = [_HEAD + b"%d" % number for number in range(first if unique else 1)]
        self.texts: Sequence[bytes] = (b"".join(heads), padded())
        self._ends = np.cumsum([len(head) for head in heads])
        self._lengths = np.array([len(head) for head in heads])

    def opening(self, k: int) -> int:
        return k

    def draw(self, ks: Int64) -> Requests:
        numbers = ks if self._unique else np.zeros_like(ks)
        high, low = numbers // GROUP, numbers % GROUP
        top, middle = high // GROUP, high % GROUP
        first = np.where(numbers < GROUP, low, np.where(high < GROUP, high, top))
        lengths = self._lengths[first]
        woven = weave(
            [
                layer(True, USER, 0, self._ends[first] - lengths, lengths),
                layer(high >= GROUP, CONTINUE, 1, 4 * middle, 4),
                layer(numbers >= GROUP, CONTINUE, 1, 4 * low, 4),
            ]
        )
        return requests(np.full_like(ks, OUTPUT_TOKENS), np.full_like(ks, -1), woven)
