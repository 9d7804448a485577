"""Which transport a spec's word stands for."""

from __future__ import annotations

import asyncio
from typing import Any, get_args, get_type_hints

import pytest

from function.clock import SystemClock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.opening import TRANSPORTS, open_transport


def opened(word: Any) -> type:
    async def go() -> type:
        transport = open_transport(Target("http://127.0.0.1:1", "chat", True, transport=word), SystemClock())
        await transport.close()
        return type(transport)

    return asyncio.run(go())


def test_every_word_that_a_spec_knows_opens_something_or_says_so() -> None:
    for word in get_args(get_type_hints(Target)["transport"]):
        if word in TRANSPORTS:
            assert opened(word) is TRANSPORTS[word]
        else:
            with pytest.raises(UsageError) as refusal:
                opened(word)
            assert refusal.value.path == "server.transport"
