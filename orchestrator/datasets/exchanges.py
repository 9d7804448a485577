"""A recorded conversation as exchanges: what was asked, and what was answered to it. Pure; reads no format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from orchestrator.datasets.entry import JOINT, Entry
from orchestrator.datasets.escaping import is_unicode
from orchestrator.datasets.turns import Turn, Unfit


class Exchange(NamedTuple):
    """`asked`: all messages since the last answer. `answer` () where none was recorded: only the last one can be."""

    asked: tuple[Turn, ...]
    answer: tuple[Turn, ...]

    @property
    def answer_text(self) -> str | None:
        return JOINT.join(text for _, text in self.answer) or None


def exchanges(turns: Sequence[Turn]) -> list[Exchange]:
    """As many as make sense: where the user says nothing more, the session is over. What a model said before the user
    spoke belongs to what is asked first. Unfit: no_user_turn, empty_prompt, tool_turn, not_unicode."""
    if any(role == "tool" for role, _ in turns):
        raise Unfit("tool_turn")  # it answers a call that this server never made
    if not all(is_unicode(text) for _, text in turns):
        raise Unfit("not_unicode")
    asked = next((i for i, (role, _) in enumerate(turns) if role == "user"), None)
    if asked is None:
        raise Unfit("no_user_turn")
    found = []
    for exchange in _cut(tuple(turns[:asked]), turns[asked:]):
        if not any(role == "user" and text.strip() for role, text in exchange.asked):
            break
        found.append(exchange)
    if not found:
        raise Unfit("empty_prompt")
    return found


def _cut(before: tuple[Turn, ...], turns: Sequence[Turn]) -> Iterator[Exchange]:
    runs = [tuple(run) for _, run in groupby(turns, key=lambda turn: turn.role == "assistant")]
    for asked, answer in zip(runs[::2], [*runs[1::2], ()]):
        yield Exchange((*before, *asked), answer)
        before = ()


def received(talk: Sequence[Exchange]) -> tuple[Entry, ...]:
    """Turns whose history will hold what the server answers."""
    return tuple(Entry(exchange.asked, exchange.answer_text) for exchange in talk)


def recorded(talk: Sequence[Exchange]) -> tuple[Entry, ...]:
    """Turns that bring the recorded answer to the one before with them."""
    before = [(), *(exchange.answer for exchange in talk)]
    return tuple(Entry((*said, *exchange.asked), exchange.answer_text) for said, exchange in zip(before, talk))
