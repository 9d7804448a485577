"""`data.type: shareGPT`: conversations from a local file or folder, asked with their system turn and first user turn.

The output length is that of the turn which answered. A model's turn that opens the conversation is left out, never sent
as the user's. What cannot be asked is counted by reason.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from function.contract.errors import UsageError
from orchestrator.config.root import Config
from orchestrator.datasets.corpus import Corpus
from orchestrator.datasets.entry import Entry, Use
from orchestrator.datasets.escaping import is_unicode, malformed, parse, read, unreadable
from orchestrator.datasets.filters import Bounds, within
from orchestrator.datasets.measuring import Counter, Measuring, lead_tokens, silent_tokens
from orchestrator.datasets.port import Int64, Requests
from orchestrator.datasets.turns import Turn, Unfit, turn

_ENDINGS = (".json", ".jsonl", ".ndjson")
_TURNS = ("conversations", "conversation", "messages", "items", "turns")


class ShareGPT:
    """See the port. Raises UsageError: `data_malformed` with line and column, `data_empty` when nothing is usable."""

    def __init__(self, config: Config, seed: int, counter: Counter | None, limit: int | None) -> None:
        data = config.data
        path = Path(data.path or "")
        entries, tally = entries_of(conversations(path))
        silent = silent_tokens(data.output_distribution)
        measure = Measuring(counter, silent)
        bounds = Bounds.of(data.input_distribution), Bounds.of(data.output_distribution)
        if any(bounds):
            entries = within(measure(entries), *bounds, tally)
        self.skipped = sorted(tally.items())
        if not entries:
            raise empty(path, self.skipped)
        self.usable = len(entries)
        self.notes = list(_notes(entries, counter, silent, bounds[0] is not None))
        tokens = lead_tokens(counter) if data.unique else None
        use = Use(seed, config.api.type == "chat", data.unique, limit)
        self._corpus = Corpus(entries, use, measure, None, tokens)
        self.texts = self._corpus.texts

    def draw(self, ks: Int64) -> Requests:
        return self._corpus.draw(ks)

    def opening(self, k: int) -> int:
        return k


def empty(path: Path, skipped: Sequence[tuple[str, int]]) -> UsageError:
    """Nothing can be asked."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in skipped) or "it holds none"
    return UsageError(f"{path} has no usable entry ({reasons})", path="data.path", code="data_empty")


def conversations(path: Path) -> Iterator[Any]:
    """Every entry of the file, or of every .json and .jsonl file of the folder, by name."""
    if not path.is_dir():
        yield from _entries(path)
        return
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS and file.is_file())
    if not files:
        raise unreadable(path, f"the folder has no {' or '.join(_ENDINGS[:2])} file")
    for file in files:
        yield from _entries(file)


def _entries(path: Path) -> Iterator[Any]:
    body = read(path)
    if path.suffix.lower() in _ENDINGS[1:]:
        for number, line in enumerate(body.splitlines(), 1):
            if line.strip():
                yield parse(line, path, number)
        return
    value = parse(body, path)
    if isinstance(value, dict):
        inner = [item for item in value.values() if isinstance(item, list)]
        value = [value] if any(key in value for key in _TURNS) else inner[0] if len(inner) == 1 else None
    if not isinstance(value, list):
        raise malformed(path, "line 1, column 1: not a list of conversations", "[{conversations: [...]}, ...]")
    yield from value


def entries_of(found: Iterable[Any]) -> tuple[list[Entry], Tally[str]]:
    entries: list[Entry] = []
    tally: Tally[str] = Tally()
    for conversation in found:
        try:
            entries.append(entry_of(conversation))
        except Unfit as unfit:
            tally[unfit.reason] += 1
    return entries, tally


def entry_of(conversation: Any) -> Entry:
    """Unfit: empty_prompt, not_unicode, or what a conversation is unfit for."""
    turns = told(conversation)
    asked = next(i for i, each in enumerate(turns) if each.role == "user")
    if not turns[asked].text.strip():
        raise Unfit("empty_prompt")
    messages = turns[: asked + 1]
    follows = turns[asked + 1] if len(turns) > asked + 1 else None
    answer = follows.text if follows is not None and follows.role == "assistant" and follows.text else None
    if not all(is_unicode(text) for _, text in messages) or not is_unicode(answer or ""):
        raise Unfit("not_unicode")
    return Entry(messages, answer)


def told(conversation: Any) -> tuple[Turn, ...]:
    """Instructions, and everything from the first user's turn on: what a model said before it is left out. Unfit:
    malformed, no_turns, no_user_turn, or what a turn is unfit for."""
    turns = [turn(value) for value in _turns(conversation)]
    asked = next((i for i, each in enumerate(turns) if each.role == "user"), None)
    if asked is None:
        raise Unfit("no_user_turn")
    before = [each for each in turns[:asked] if each.role in ("system", "developer") and each.text.strip()]
    if not before and isinstance(conversation, dict) and isinstance(conversation.get("system"), str):
        before = [Turn("system", text) for text in [conversation["system"]] if text.strip()]
    return (*before, *turns[asked:])


def _turns(conversation: Any) -> list[Any]:
    turns = conversation
    if isinstance(conversation, dict):
        turns = next((conversation[key] for key in _TURNS if conversation.get(key) is not None), [])
    if not isinstance(turns, list):
        raise Unfit("malformed")
    if not turns:
        raise Unfit("no_turns")
    return turns


def _notes(entries: Sequence[Entry], counter: Counter | None, silent: int, filtered: bool) -> Iterator[str]:
    if counter is None:
        what = "prompt lengths and output lengths are" if filtered else "output lengths are"
        yield f"no tokenizer: {what} estimated as one token for 4 bytes; set tokenizer.pretrained_model_name_or_path"
    unanswered = sum(entry.answer is None for entry in entries)
    if unanswered:
        yield f"{unanswered} of {len(entries)} conversations have no answer: {silent} output tokens are asked for these"
