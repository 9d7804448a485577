"""From config to dataset: a dict of the four kinds, and conversations turn by turn.

The tokenizer is opened elsewhere (`tokens`) and passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.config.root import Config
from orchestrator.datasets.conversations import Conversations
from orchestrator.datasets.file import File
from orchestrator.datasets.mock import Mock
from orchestrator.datasets.port import Dataset
from orchestrator.datasets.random import Random
from orchestrator.datasets.sharegpt import ShareGPT
from orchestrator.datasets.tokens import Tokenizer, unavailable

Open = Callable[[Config, int, Tokenizer | None, int | None], Dataset]


def open_dataset(config: Config, seed: int, limit: int | None = None, tokenizer: Tokenizer | None = None) -> Dataset:
    """`limit`: every k that will be drawn is below it. UsageError when the data cannot be used as it is."""
    kind = Conversations if config.data.enable_multi_turn_chat else KINDS[config.data.type]
    return kind(config, seed, tokenizer, limit)


def _mock(config: Config, seed: int, tokenizer: Tokenizer | None, limit: int | None) -> Dataset:
    return Mock(config.data.unique, limit)


def _random(config: Config, seed: int, tokenizer: Tokenizer | None, limit: int | None) -> Dataset:
    if tokenizer is None:
        raise unavailable("data.type random needs a tokenizer to make prompts of exact length")
    prompt, output = config.data.input_distribution, config.data.output_distribution
    assert prompt is not None and output is not None  # the config's own checks
    return Random(prompt, output, seed, tokenizer)


KINDS: dict[str, Open] = {"mock": _mock, "shareGPT": ShareGPT, "random": _random, "file": File}
