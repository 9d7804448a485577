"""Counts output tokens after the run, where the server gave no usage and the worker kept the answer's text."""

from __future__ import annotations

import numpy as np

from function.contract.errors import UsageError
from orchestrator.merge.columns import CountTokens
from orchestrator.metrics.requests import Int32


def token_counter(name: str | None) -> CountTokens | None:
    """`name`: the plan's tokenizer. None where there is none, or none on this machine: then tokens stay unknown.

    The hub is not asked: a run merged a year later must not depend on it.
    """
    if name is None:
        return None
    from orchestrator.datasets.tokens import open_tokenizer  # a second of imports, for this only

    try:
        tokenizer = open_tokenizer(name, network=False)
    except UsageError:
        return None

    def count(texts: list[str]) -> Int32:
        return tokenizer.count(texts).astype(np.int32)

    return count
