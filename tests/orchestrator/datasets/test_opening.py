from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.config.built import DATA_TYPES
from orchestrator.datasets.file import File
from orchestrator.datasets.mock import Mock
from orchestrator.datasets.opening import KINDS, open_dataset
from orchestrator.datasets.random import Random
from orchestrator.datasets.sharegpt import ShareGPT
from orchestrator.datasets.tokens import open_tokenizer
from tests.orchestrator.datasets.drawn import config, prompts, write
from tests.orchestrator.plan.planned import CONVERSATIONS, TOKENIZER


def test_what_is_built_is_what_can_be_opened() -> None:
    assert set(KINDS) == set(DATA_TYPES)


def test_each_kind_opens_its_dataset(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", '{"prompt": "a"}')
    assert isinstance(open_dataset(config({"type": "mock"}), 7), Mock)
    assert isinstance(open_dataset(config({"type": "shareGPT", "path": CONVERSATIONS}), 7), ShareGPT)
    assert isinstance(open_dataset(config({"type": "file", "path": path}), 7), File)
    random = config({"type": "random", "input_distribution": 5, "output_distribution": 5})
    assert isinstance(open_dataset(random, 7, None, open_tokenizer(TOKENIZER)), Random)
    with pytest.raises(UsageError) as refused:
        open_dataset(random, 7)
    assert refused.value.code == "tokenizer_unavailable"


def test_unique_false_sends_mock_and_rows_word_for_word(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", '{"prompt": "a"}')
    for data in ({"type": "mock"}, {"type": "file", "path": path}):
        alike = open_dataset(config({**data, "unique": False}), 7)
        apart = open_dataset(config(data), 7)
        assert (len(set(prompts(alike, range(9)))), len(set(prompts(apart, range(9))))) == (1, 9)
