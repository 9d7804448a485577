"""A dataset of entries that are asked as they stand, in a seeded order: every one once before any comes again.

Messages are packed into texts of about a MiB in the order of their first use, equal ones once, so that a slice of a
long run fetches only what it asks. What is asked again, by the same entry or by one of the same words, gets a number
put before it, so that no prefix cache answers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from function.contract.workload import CONTINUE, ROLES
from orchestrator.datasets.digits import GROUP, lead, lead_text
from orchestrator.datasets.escaping import inside
from orchestrator.datasets.pieces import USER, Layer, Mask, Woven, requests, weave
from orchestrator.datasets.port import Int64, Requests
from orchestrator.datasets.turns import Turn
from orchestrator.draws import Stream

CHUNK_BYTES = 1 << 20
JOINT = "\n\n"  # between the messages of a prompt on completions
_PASSES_WORDS = 1 << 20  # words drawn at a time, where many passes over few entries are ordered


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be asked. -1: the entry does not say how long the answer shall be; the prompt is not counted (yet)."""

    messages: tuple[Turn, ...]
    answer: str | None = None
    output_tokens: int = -1
    prompt_tokens: int = -1


class Measure(Protocol):
    """Fills in the tokens of entries; asked only about those that will be used."""

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Entry]: ...


class OutputLengths(Protocol):
    """Output lengths where entries give none."""

    def draw(self, ks: Int64) -> Int64: ...


@dataclass(frozen=True, slots=True)
class Use:
    """How entries are used. `limit`: no k is ever that large, so what only later ks would use is not even packed."""

    seed: int
    chat: bool
    unique: bool = True
    limit: int | None = None


class Corpus:
    """`lengths` draws output lengths where an entry has none; `lead_tokens`: of each group put before a prompt."""

    def __init__(
        self,
        entries: Sequence[Entry],
        use: Use,
        measure: Measure,
        lengths: OutputLengths | None = None,
        lead_tokens: Int64 | None = None,
    ) -> None:
        self._order = Stream(use.seed, "entries")
        self._entries = len(entries)
        self._unique = use.unique
        self._lengths = lengths
        self._lead_tokens = lead_tokens
        used = self._pass(0, 1)[0][: use.limit]
        self._place = np.full(len(entries), -1, dtype=np.int64)
        self._place[used] = np.arange(used.size)
        self._pack(measure([entries[index] for index in used.tolist()]), use.chat)

    def _pack(self, entries: Sequence[Entry], chat: bool) -> None:
        packer = _Packer()
        pieces = [_pieces(entry, chat, packer) for entry in entries]
        self._offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in pieces], out=self._offsets[1:])
        flat = np.array([piece for each in pieces for piece in each], dtype=np.int64).reshape(-1, 4)
        self._role, self._text = flat[:, 0].astype(np.uint8), flat[:, 1].astype(np.int32)
        self._start, self._bytes = flat[:, 2], flat[:, 3].astype(np.int32)
        self._output = np.array([entry.output_tokens for entry in entries], dtype=np.int64)
        self._prompt = np.array([entry.prompt_tokens for entry in entries], dtype=np.int64)
        first_with = {entry.messages: index for index, entry in reversed(list(enumerate(entries)))}
        self._twin = np.array([first_with[entry.messages] < i for i, entry in enumerate(entries)], dtype=np.bool_)
        self.texts: Sequence[bytes] = (*packer.texts(), lead_text())

    def draw(self, ks: Int64) -> Requests:
        places = self._place[self._entry(ks)]
        if places.size and places.min() < 0:
            raise ValueError("a k beyond the limit that the corpus was made for")
        again = ((ks >= self._entries) | self._twin[places]) & self._unique
        output, prompt = self._output[places], self._prompt[places]
        if self._lengths is not None and (output < 0).any():
            output = np.where(output < 0, self._lengths.draw(ks), output)
        if self._lead_tokens is not None:
            prompt = np.where(again & (prompt >= 0), prompt + _lead_count(ks, self._lead_tokens), prompt)
        return requests(output, prompt, self._woven(ks, places, again))

    def _woven(self, ks: Int64, places: Int64, again: Mask) -> Woven:
        """Entries have different numbers of messages: layer j is message j where there is one."""
        first, counts = self._offsets[:-1][places], np.diff(self._offsets)[places]
        layers: list[Layer] = []
        if again.any():
            layers = lead(ks, again, self._role[first], len(self.texts) - 1)
        for message in range(int(counts.max(initial=1))):
            present = counts > message
            at = np.where(present, first + message, first)
            role = self._role[at] if message else np.where(again, np.uint8(CONTINUE), self._role[first])
            layers.append(Layer(present, role, self._text[at], self._start[at], self._bytes[at]))
        return weave(layers)

    def _entry(self, ks: Int64) -> Int64:
        """Which entry each k asks."""
        if not ks.size:
            return ks
        passes, at = ks // self._entries, ks % self._entries
        entry = np.empty_like(ks)
        width = max(1, _PASSES_WORDS // self._entries)
        spans = passes // width
        for span in np.unique(spans).tolist():
            here = spans == span
            own = passes[here]
            start = int(own.min())
            entry[here] = self._pass(start, int(own.max()) + 1)[own - start, at[here]]
        return entry

    def _pass(self, start: int, stop: int) -> Int64:
        """Orders of passes start .. stop - 1: a row each, a permutation of the entries."""
        words = self._order.words(start * self._entries, (stop - start) * self._entries)
        return words.reshape(stop - start, self._entries).argsort(axis=1, kind="stable")


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


def _pieces(entry: Entry, chat: bool, packer: _Packer) -> list[tuple[int, int, int, int]]:
    if chat:
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
