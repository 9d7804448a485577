"""A dataset of sessions: conversations whose turns are requests of their own, in a seeded order of the sessions.

Request k is the k-th turn when all sessions are laid end to end, pass after pass. A request holds only what its turn
adds: the worker puts it behind what the session has said. A session played again, or one that begins with the same
words, gets a number put before its first message, so that no prefix cache answers it; the number is then in the prompt
of all its turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from orchestrator.datasets.entry import JOINT, Entry, Measure, OutputLengths, Use
from orchestrator.datasets.order import Order
from orchestrator.datasets.packing import Packed
from orchestrator.datasets.pieces import requests
from orchestrator.datasets.port import Int64, Requests

Talk = tuple[Entry, ...]  # a session's turns


class _Where(NamedTuple):
    """Of each k: its session's number over the run, which talk is played, and which of its turns it is."""

    session: Int64
    talk: Int64
    turn: Int64


class Sessions:
    """`recorded`: turns bring the recorded answers with them, so that whole prompts are known and counted."""

    def __init__(
        self,
        talks: Sequence[Talk],
        use: Use,
        measure: Measure,
        recorded: bool,
        lengths: OutputLengths | None = None,
        lead_tokens: Int64 | None = None,
    ) -> None:
        self._order = Order(use.seed, len(talks))
        self._turns = np.array([len(talk) for talk in talks], dtype=np.int64)
        self._total = int(self._turns.sum())
        self._unique = use.unique
        self._lengths = lengths
        used = self._order.passes(0, 1)[0]
        if use.limit is not None:  # a phase begins with a session, so it may reach as far past its own numbers
            used = used[_starts(self._turns[used]) < use.limit + int(self._turns.max())]
        self._first = np.full(len(talks), -1, dtype=np.int64)
        self._first[used] = _starts(self._turns[used])
        chosen = [talks[index] for index in used.tolist()]
        measured = iter(measure([turn for talk in chosen for turn in talk]))
        counted = [_counted([next(measured) for _ in talk], recorded) for talk in chosen]
        shaped = [turn for talk in counted for turn in (talk if use.chat else _joined(talk))]
        self._packed = Packed(shaped, True, lead_tokens)
        self.texts = self._packed.texts

    def draw(self, ks: Int64) -> Requests:
        session, talk, turn = self._where(ks)
        first = self._first[talk]
        if first.size and first.min() < 0:
            raise ValueError("a k beyond the limit that the sessions were made for")
        places = first + turn
        fresh = ((session >= self._turns.size) | self._packed.twin[first]) & self._unique
        output = self._packed.output_tokens(places)
        if self._lengths is not None and (output < 0).any():
            output = np.where(output < 0, self._lengths.draw(ks), output)
        prompt = self._packed.prompt_tokens(places, session, fresh)
        return requests(output, prompt, self._packed.woven(places, session, fresh & (turn == 0)), session)

    def opening(self, k: int) -> int:
        _, talk, turn = (int(column[0]) for column in self._where(np.array([k], dtype=np.int64)))
        return k if turn == 0 else k - turn + int(self._turns[talk])

    def _where(self, ks: Int64) -> _Where:
        found = _Where(np.empty_like(ks), np.empty_like(ks), np.empty_like(ks))
        if not ks.size:
            return found
        for here, first, orders in self._order.spans(ks // self._total):
            starts = first * self._total + _starts(self._turns[orders.ravel()])
            at = np.searchsorted(starts, ks[here], side="right") - 1
            found.session[here] = first * self._turns.size + at
            found.talk[here] = orders.ravel()[at]
            found.turn[here] = ks[here] - starts[at]
        return found


def _starts(turns: Int64) -> Int64:
    """Where each begins when they are laid end to end."""
    starts: Int64 = np.cumsum(turns) - turns
    return starts


def _counted(talk: Sequence[Entry], recorded: bool) -> Talk:
    """With the tokens of whole prompts. What a server will answer nobody knows, and counts of first turns alone would
    pass for those of all."""
    whole = np.cumsum([turn.prompt_tokens for turn in talk]).tolist()
    known = recorded and all(turn.prompt_tokens >= 0 for turn in talk)
    return tuple(replace(turn, prompt_tokens=count if known else -1) for turn, count in zip(talk, whole))


def _joined(talk: Talk) -> Talk:
    """On completions everything said is one text: a joint stands before every message but the first."""
    joined = []
    for i, turn in enumerate(talk):
        messages = [
            said if i == 0 and j == 0 else said._replace(text=JOINT + said.text) for j, said in enumerate(turn.messages)
        ]
        joined.append(replace(turn, messages=tuple(messages)))
    return tuple(joined)
