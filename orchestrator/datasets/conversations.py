"""`data.enable_multi_turn_chat`: the conversations of a ShareGPT file, or the messages of a file's rows, turn by turn.

A turn asks as many output tokens as its recorded answer has; in a file, what the row or the config says comes first. By
default the worker puts the answers that came from the server into the history; `data.disable_output_substitution` has
the recorded ones in the turns themselves.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.config.data import Data
from orchestrator.config.root import Config
from orchestrator.datasets import file, sharegpt
from orchestrator.datasets.entry import Entry, Use
from orchestrator.datasets.exchanges import Exchange, exchanges, received, recorded
from orchestrator.datasets.filters import Bounds, outside, prompt_tokens
from orchestrator.datasets.lengths import Lengths
from orchestrator.datasets.measuring import Counter, Measuring, lead_tokens, silent_tokens
from orchestrator.datasets.port import Int64, Requests
from orchestrator.datasets.sessions import Sessions, Talk
from orchestrator.datasets.turns import Unfit

Read = tuple[list[Exchange], int]  # a conversation, and the output tokens to ask in every turn; -1: not given


class Conversations:
    """UsageError: `data_malformed` with file, line and column, `data_empty` when nothing is usable."""

    def __init__(self, config: Config, seed: int, counter: Counter | None, limit: int | None) -> None:
        data = config.data
        path = Path(data.path or "")
        silent = silent_tokens(data.output_distribution) if data.type == "shareGPT" else -1
        measure = Measuring(counter, silent)
        tally: Tally[str] = Tally()
        talks = list(_read(path, data, tally))
        self.notes: list[str] = []
        if data.type == "shareGPT":
            bounds = Bounds.of(data.input_distribution), Bounds.of(data.output_distribution)
            if any(bounds):
                talks = self._cut(talks, measure, bounds, tally)
        self.skipped = sorted(tally.items())
        if not talks:
            raise sharegpt.empty(path, self.skipped)
        self.usable = len(talks)
        lengths = None
        if data.type == "file" and data.output_tokens is not None:
            lengths = Lengths(data.output_tokens, seed, "output tokens", "data.output_tokens")
        quoted = data.disable_output_substitution
        turns = [_turns(talk, asked, quoted, lengths is not None) for talk, asked in talks]
        self.notes += _notes(turns, quoted, counter is not None, silent, lengths is not None)
        use = Use(seed, config.api.type == "chat", data.unique, limit)
        measure = Measuring(counter, silent, prompts=quoted)
        self._sessions = Sessions(turns, use, measure, quoted, lengths, lead_tokens(counter) if data.unique else None)
        self.texts = self._sessions.texts

    def draw(self, ks: Int64) -> Requests:
        return self._sessions.draw(ks)

    def opening(self, k: int) -> int:
        return self._sessions.opening(k)

    def _cut(
        self,
        talks: list[Read],
        measure: Measuring,
        bounds: tuple[Bounds | None, Bounds | None],
        tally: Tally[str],
    ) -> list[Read]:
        """Sessions end before the first turn that is out of bounds; those that would not begin are skipped."""
        kept, shorter = [], 0
        measured = iter(measure([turn for talk, _ in talks for turn in received(talk)]))
        for talk, asked in talks:
            reasons = [outside(turn, *bounds) for turn in _whole([next(measured) for _ in talk])]
            fitting = next((i for i, reason in enumerate(reasons) if reason), len(talk))
            if fitting:
                kept.append((talk[:fitting], asked))
                shorter += fitting < len(talk)
            else:
                tally[reasons[0] or ""] += 1
        if shorter:
            self.notes.append(f"{shorter} conversations end before a turn that is outside the bounds on lengths")
        return kept


def _read(path: Path, data: Data, tally: Tally[str]) -> Iterator[Read]:
    found: Iterator[Any] = sharegpt.conversations(path) if data.type == "shareGPT" else file.rows(path, data)
    for row in found:
        try:
            said, asked = (sharegpt.told(row), -1) if data.type == "shareGPT" else file.told(row, data)
            yield exchanges(said), asked
        except Unfit as unfit:
            tally[unfit.reason] += 1


def _turns(talk: Sequence[Exchange], asked: int, quoted: bool, drawn: bool) -> Talk:
    """`drawn`: lengths come from the config where the row says none."""
    turns = recorded(talk) if quoted else received(talk)
    if asked >= 0:
        return tuple(replace(turn, output_tokens=asked) for turn in turns)
    return tuple(replace(turn, answer=None) for turn in turns) if drawn else turns


def _whole(turns: Sequence[Entry]) -> Iterator[Entry]:
    """With the tokens of whole prompts, the recorded answers in them."""
    before = 0
    for turn in turns:
        prompt = before + prompt_tokens(turn)
        yield replace(turn, prompt_tokens=prompt)
        before = prompt + max(0, turn.output_tokens)


def _notes(turns: Sequence[Talk], quoted: bool, counted: bool, silent: int, drawn: bool) -> Iterator[str]:
    total = sum(map(len, turns))
    history = "the recorded answers" if quoted else "the answers that came"
    yield f"played turn by turn: {len(turns)} conversations of {total} turns in all; their history holds {history}"
    open_ = [turn for talk in turns for turn in talk if turn.output_tokens < 0]
    if not counted and any(turn.answer is not None for turn in open_):
        what = "output lengths are estimated as one token for 4 bytes; set tokenizer.pretrained_model_name_or_path"
        yield f"no tokenizer: {what}"
    unanswered = 0 if drawn else sum(turn.answer is None for turn in open_)
    if unanswered:
        rest = "the model decides how long it answers" if silent < 0 else f"{silent} output tokens are asked for these"
        yield f"{unanswered} of {total} turns have no answer: {rest}"
