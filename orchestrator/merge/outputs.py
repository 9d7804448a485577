"""Counts output tokens after the run, where the server gave no usage and the worker kept the answer's text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from orchestrator.merge.columns import CountTokens
from orchestrator.metrics.requests import Int32


def token_counter(tokenizer: str | None) -> CountTokens | None:
    """`tokenizer`: a tokenizer.json, a folder that holds one, or a hub's name. None where it is not to be had."""
    if tokenizer is None:
        return None
    from tokenizers import Tokenizer  # needed for this only

    path = Path(tokenizer).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        loaded = Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(tokenizer)
    except Exception:  # noqa: BLE001 - tokenizers raises bare Exceptions; unknown counts are reported as unknown
        return None

    def count(texts: list[str]) -> Int32:
        encoded = loaded.encode_batch_fast(texts, add_special_tokens=False)
        return np.fromiter((len(one) for one in encoded), np.int32, len(texts))

    return count
