"""Random numbers by address: word i of a named stream is a pure function of (seed, name, i), so any block stands alone.

numpy promises that a bit generator's raw words never change; its distributions carry no such promise. So only Philox's
words are taken from numpy, and everything else is made of them here.
"""

from __future__ import annotations

import hashlib
import secrets

import numpy as np
from numpy.typing import NDArray

from orchestrator.arithmetic import Float64

_WORDS_A_STEP = 4  # Philox4x64 makes four words for each count
_SEED_BITS = 48  # every JSON reader keeps 48 bits of an integer


def new_seed() -> int:
    """For a config that gives none. Never used twice by chance: two runs are then different workloads."""
    return secrets.randbits(_SEED_BITS)


class Stream:
    """One stream of a seed. Streams of different names share nothing."""

    def __init__(self, seed: int, name: str) -> None:
        self._key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")

    def words(self, start: int, count: int) -> NDArray[np.uint64]:
        """Raw 64-bit words start .. start + count - 1."""
        step, skip = divmod(start, _WORDS_A_STEP)
        generator = np.random.Philox(key=self._key, counter=step)
        return generator.random_raw(skip + count)[skip:]

    def uniforms(self, start: int, count: int) -> Float64:
        """Inside (0, 1), both ends open: 52 bits and a half, so that neither log(u) nor 1 - u is ever at an end."""
        return unit(self.words(start, count))

    def below(self, limit: int, start: int, count: int) -> NDArray[np.int64]:
        """Integers 0 .. limit - 1, limit < 2**32; by multiplication, so that no word is ever drawn again."""
        high = self.words(start, count) >> np.uint64(32)
        return (high * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def unit(words: NDArray[np.uint64]) -> Float64:
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def at(stream: Stream, ks: NDArray[np.int64]) -> Float64:
    """The stream's uniform of each k. Dense ks cost what a block costs; scattered ones a block each."""
    if not ks.size:
        return np.empty(0)
    low, high = int(ks.min()), int(ks.max()) + 1
    if high - low <= 4 * ks.size + 1024:
        return stream.uniforms(low, high - low)[ks - low]
    distinct, places = np.unique(ks, return_inverse=True)
    breaks = np.flatnonzero(np.diff(distinct) > 64) + 1
    runs = np.split(distinct, breaks)
    values = [stream.uniforms(int(run[0]), int(run[-1] - run[0]) + 1)[run - run[0]] for run in runs]
    return np.concatenate(values)[places]
