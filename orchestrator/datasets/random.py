"""`data.type: random`: prompts of exactly as many tokens as the distribution says, no two alike.

A prompt is a word that leads, and a stretch of one pool of random words: two pieces, however long it is. Each of 65,536
requests that follow each other begins at a place of its own, then the next word leads. Where the tokenizer has words of
one token, n words are n tokens; a sample of whole prompts is counted to be sure. Elsewhere each stretch is cut,
character by character, until the tokenizer counts n. Special tokens and chat template are the server's: not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from function.contract.workload import CONTINUE
from orchestrator.config.distribution import Distribution
from orchestrator.datasets.lengths import Lengths
from orchestrator.datasets.pieces import USER, layer, requests, weave
from orchestrator.datasets.port import Int64, Requests
from orchestrator.datasets.words import LETTERS, Vocabulary, invented, single_tokens
from orchestrator.draws import Stream

PLACES = 1 << 16
_STRIDE = 40_503  # odd: neighbouring ks begin far apart in the pool, and every place comes before any comes again
_SHORT = 8  # tokens; the lead of shorter prompts changes with every k, since their stretches are soon alike
_SAMPLE = 32
_SAMPLE_TOKENS = 200_000
_ROUNDS = 24


class Random:
    """Unless `exact` says otherwise in a note, prompt_tokens is both what was asked and what the tokenizer counts."""

    usable: int | None = None
    skipped: Sequence[tuple[str, int]] = ()

    def __init__(self, prompt: Distribution, output: Distribution, seed: int, tokenizer: Vocabulary) -> None:
        self._prompt = Lengths(prompt, seed, "prompt tokens", "data.input_distribution")
        self._output = Lengths(output, seed, "output tokens", "data.output_distribution")
        self._tokenizer = tokenizer
        self._seed = seed
        self._notes: list[str] = []
        words = single_tokens(tokenizer)
        self._converge = not words
        self._lay(words or invented(), words or LETTERS)
        if words and not self._sample_exact():
            self._converge = True
            self._lay(invented(), LETTERS)
        if self._converge:
            self._notes.append(
                "this tokenizer has too few words of one token: each prompt is cut until it counts right"
            )
            if not self._sample_exact():
                self._notes.append("not every length can be met with it: prompt_tokens is what was counted")

    @property
    def notes(self) -> Sequence[str]:
        return self._notes

    def opening(self, k: int) -> int:
        return k

    def draw(self, ks: Int64) -> Requests:
        asked = self._prompt.draw(ks)
        lead = np.where(asked < _SHORT, ks, ks // PLACES) % len(self._leads)
        place = (ks * _STRIDE + self._offset) % PLACES
        start = self._starts[place]
        stop = self._starts[place + asked - 1]
        counted = asked
        if self._converge:
            stop, counted = self._converged(lead, start, asked)
        woven = weave(
            [
                layer(True, USER, 0, self._lead_starts[lead], self._lead_sizes[lead]),
                layer(stop > start, CONTINUE, 1, start, stop - start),
            ]
        )
        return requests(self._output.draw(ks), counted, woven)

    def _lay(self, words: Sequence[str], leads: Sequence[str]) -> None:
        """The texts: the words once, for the leads, and a pool where a stretch of the longest prompt fits anywhere."""
        self._leads = list(leads)
        self._lead_sizes = np.array([len(lead) for lead in leads], dtype=np.int64)
        self._lead_starts = np.cumsum(self._lead_sizes) - self._lead_sizes
        sizes = np.array([len(word) for word in words], dtype=np.int64)
        chosen = Stream(self._seed, "pool").below(len(words), 0, PLACES)
        self._offset = int(Stream(self._seed, "pool offset").below(PLACES, 0, 1)[0])
        around = np.resize(chosen, PLACES + self._prompt.most)
        self._starts = np.concatenate(([0], np.cumsum(sizes[around] + 1)))
        self._pool = "".join([" " + words[index] for index in around.tolist()])
        self.texts: Sequence[bytes] = ("".join(leads).encode(), self._pool.encode())

    def _sample_exact(self) -> bool:
        """Counts whole prompts, the ones at both ends of the lengths among them by chance only."""
        ks = np.arange(max(2, min(_SAMPLE, _SAMPLE_TOKENS // self._prompt.most)), dtype=np.int64)
        drawn = self.draw(ks)
        prompts = [_joined(self.texts, drawn, row) for row in range(ks.size)]
        return bool((self._tokenizer.count(prompts) == self._prompt.draw(ks)).all())

    def _converged(self, lead: Int64, start: Int64, asked: Int64) -> tuple[Int64, Int64]:
        """Where each stretch ends so that lead + stretch count as asked, and what they count at last."""
        leads = [self._leads[index] for index in lead.tolist()]
        size = np.zeros_like(start)
        counted = self._tokenizer.count(leads)
        per_token = np.ones(start.size)
        longest = len(self._pool) - start
        best, best_count = size.copy(), counted.copy()
        for _ in range(_ROUNDS):
            open_ = np.flatnonzero(best_count != asked)
            if not open_.size:
                break
            missing = asked[open_] - counted[open_]
            size[open_] = np.clip(size[open_] + _step(missing, per_token[open_]), 0, longest[open_])
            texts = [self._stretch(leads[i], int(start[i]), int(size[i])) for i in open_.tolist()]
            counted[open_] = self._tokenizer.count(texts)
            per_token[open_] = np.maximum(size[open_] / np.maximum(counted[open_], 1), 1.0)
            nearer = abs(counted[open_] - asked[open_]) < abs(best_count[open_] - asked[open_])
            best[open_[nearer]], best_count[open_[nearer]] = size[open_[nearer]], counted[open_[nearer]]
        return start + best, best_count

    def _stretch(self, lead: str, start: int, size: int) -> str:
        return lead + self._pool[start : start + size]


def _step(missing: Int64, per_token: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Int64:
    """Characters to add or take: what the missing tokens are likely to measure, at least one."""
    step = np.rint(missing * per_token).astype(np.int64)
    return np.where(abs(missing) <= 2, np.sign(missing), step)


def _joined(texts: Sequence[bytes], drawn: Requests, row: int) -> str:
    pieces = range(int(drawn.offsets[row]), int(drawn.offsets[row + 1]))
    return b"".join(texts[drawn.text[i]][drawn.start[i] : drawn.start[i] + drawn.bytes[i]] for i in pieces).decode()
