"""Fixtures that several end-to-end tests share: servers that are costly enough to be started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.llama import LlamaUnavailable, RunningLlama, running_llama


@pytest.fixture(scope="session")
def llama_server() -> Iterator[RunningLlama]:
    """llama.cpp's server with the tiny random model. Idle between requests, so it may run beside other tests."""
    try:
        with running_llama() as server:
            yield server
    except LlamaUnavailable as error:
        pytest.skip(str(error))
