"""Token counts of entries: by the tokenizer where there is one, estimated where there is not. Reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from orchestrator.config.distribution import Distribution
from orchestrator.datasets.digits import GROUP
from orchestrator.datasets.entry import JOINT, Entry
from orchestrator.datasets.port import Int64

BYTES_PER_TOKEN = 4  # of English text with the usual vocabularies
NO_ANSWER_TOKENS = 128


class Counter(Protocol):
    """Tokens of each text, without special tokens."""

    def count(self, texts: Sequence[str]) -> Int64: ...


class Measuring:
    """A Measure for Corpus. `silent_tokens`: output length of an entry without an answer; -1 asks for none. `prompts`
    False: prompts are not counted."""

    def __init__(self, counter: Counter | None, silent_tokens: int, prompts: bool = True) -> None:
        self._counter = counter
        self._silent = silent_tokens
        self._counts_prompts = prompts

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        open_ = [i for i, entry in enumerate(entries) if entry.output_tokens < 0 and entry.answer is not None]
        outputs = dict(zip(open_, self._answers([entries[i].answer or "" for i in open_])))
        prompts = self._prompts(entries)
        return [
            replace(
                entry,
                output_tokens=outputs.get(i, entry.output_tokens if entry.output_tokens >= 0 else self._silent),
                prompt_tokens=prompts[i],
            )
            for i, entry in enumerate(entries)
        ]

    def _answers(self, answers: Sequence[str]) -> list[int]:
        if self._counter is None:
            return [max(1, round(len(answer.encode()) / BYTES_PER_TOKEN)) for answer in answers]
        return [max(1, count) for count in self._counter.count(answers).tolist()]

    def _prompts(self, entries: Sequence[Entry]) -> list[int]:
        known = [entry.prompt_tokens for entry in entries]
        if self._counter is None or not self._counts_prompts or all(count >= 0 for count in known):
            return known
        counts: list[int] = self._counter.count([JOINT.join(text for _, text in e.messages) for e in entries]).tolist()
        return counts


def lead_tokens(counter: Counter | None) -> Int64 | None:
    """Tokens of each four-digit group put before a prompt, as it stands between spaces."""
    if counter is None:
        return None
    return counter.count([f"{group:04d} " for group in range(GROUP)])


def silent_tokens(output: Distribution | None) -> int:
    """Output length where a conversation has no answer to take it from."""
    return NO_ANSWER_TOKENS if output is None else max(1, round(output.mean))
