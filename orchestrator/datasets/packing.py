"""Entries packed into texts of about a MiB in the order of their use, equal messages once, and drawn from there.

So a slice of a long run fetches only what it asks. What is to be led by a number of its own, so that no prefix cache
answers it, gets the number's pieces put before its first message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from function.contract.workload import CONTINUE, ROLES
from orchestrator.datasets.digits import GROUP, lead, lead_text
from orchestrator.datasets.entry import JOINT, Entry
from orchestrator.datasets.escaping import inside
from orchestrator.datasets.pieces import USER, Layer, Mask, Woven, weave
from orchestrator.datasets.port import Int64

CHUNK_BYTES = 1 << 20


class Packed:
    """`apart`: a piece for every message; else an entry is one prompt. A place is the number of an entry here."""

    def __init__(self, entries: Sequence[Entry], apart: bool, lead_tokens: Int64 | None) -> None:
        self._lead_tokens = lead_tokens
        packer = _Packer()
        pieces = [_pieces(entry, apart, packer) for entry in entries]
        self._offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in pieces], out=self._offsets[1:])
        flat = np.array([piece for each in pieces for piece in each], dtype=np.int64).reshape(-1, 4)
        self._role, self._text = flat[:, 0].astype(np.uint8), flat[:, 1].astype(np.int32)
        self._start, self._bytes = flat[:, 2], flat[:, 3].astype(np.int32)
        self._output = np.array([entry.output_tokens for entry in entries], dtype=np.int64)
        self._prompt = np.array([entry.prompt_tokens for entry in entries], dtype=np.int64)
        first_with = {entry.messages: index for index, entry in reversed(list(enumerate(entries)))}
        self.twin = np.array([first_with[entry.messages] < i for i, entry in enumerate(entries)], dtype=np.bool_)
        self.texts: Sequence[bytes] = (*packer.texts(), lead_text())

    def output_tokens(self, places: Int64) -> Int64:
        found: Int64 = self._output[places]
        return found

    def prompt_tokens(self, places: Int64, numbers: Int64, led: Mask) -> Int64:
        """-1 where not counted. Where `led`, `numbers` are put before."""
        prompt: Int64 = self._prompt[places]
        if self._lead_tokens is not None:
            prompt = np.where(led & (prompt >= 0), prompt + _lead_count(numbers, self._lead_tokens), prompt)
        return prompt

    def woven(self, places: Int64, numbers: Int64, led: Mask) -> Woven:
        """Entries have different numbers of messages: layer j is message j where there is one."""
        first, counts = self._offsets[:-1][places], np.diff(self._offsets)[places]
        layers: list[Layer] = []
        if led.any():
            layers = lead(numbers, led, self._role[first], len(self.texts) - 1)
        for message in range(int(counts.max(initial=1))):
            present = counts > message
            at = np.where(present, first + message, first)
            role = self._role[at] if message else np.where(led, np.uint8(CONTINUE), self._role[first])
            layers.append(Layer(present, role, self._text[at], self._start[at], self._bytes[at]))
        return weave(layers)


def _lead_count(ks: Int64, tokens: Int64) -> Int64:
    """Tokens of the number put before the prompt of each k, group by group."""
    high = ks // GROUP**2
    third = np.where(high > 0, tokens[high % GROUP], 0)
    total: Int64 = tokens[ks % GROUP] + tokens[ks // GROUP % GROUP] + third
    return total


class _Where(NamedTuple):
    text: int
    start: int
    bytes: int


def _pieces(entry: Entry, apart: bool, packer: _Packer) -> list[tuple[int, int, int, int]]:
    if apart:
        return [(ROLES.index(role), *packer.put(text)) for role, text in entry.messages]
    return [(USER, *packer.put(JOINT.join(text for _, text in entry.messages)))]


class _Packer:
    """Texts of about CHUNK_BYTES, filled in the order of `put`."""

    def __init__(self) -> None:
        self._full: list[bytes] = []
        self._open: list[bytes] = []
        self._size = 0
        self._known: dict[str, _Where] = {}

    def put(self, text: str) -> _Where:
        found = self._known.get(text)
        if found is None:
            body = inside(text)
            found = self._known[text] = _Where(len(self._full), self._size, len(body))
            self._open.append(body)
            self._size += len(body)
            if self._size >= CHUNK_BYTES:
                self._close()
        return found

    def _close(self) -> None:
        self._full.append(b"".join(self._open))
        self._open, self._size = [], 0

    def texts(self) -> list[bytes]:
        if self._open:
            self._close()
        return self._full
