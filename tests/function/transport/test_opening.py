"""Which transport a spec's word stands for."""

from __future__ import annotations

import asyncio
import select
import subprocess
import sys
from typing import Any, get_args, get_type_hints

import pytest

from function.clock import SystemClock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.aiohttp_client import AiohttpTransport
from function.transport.native import NativeTransport
from function.transport.opening import open_transport
from tests.conftest import ROOT

KINDS = {"auto": NativeTransport, "native": NativeTransport, "aiohttp": AiohttpTransport}
NEAR, FAR = "http://127.0.0.1:1", "http://model.test:1"


def opened(word: Any, root: str = NEAR) -> type:
    async def go() -> type:
        transport = open_transport(Target(root, "chat", True, transport=word), SystemClock())
        await transport.close()
        return type(transport)

    return asyncio.run(go())


def test_every_word_that_a_spec_knows_opens_something_or_says_so() -> None:
    for word in get_args(get_type_hints(Target)["transport"]):
        assert opened(word) is KINDS[word]


def test_planted_a_word_that_no_spec_knows_is_refused() -> None:
    with pytest.raises(UsageError) as refusal:
        opened("carrier-pigeon")
    assert refusal.value.path == "server.transport" and refusal.value.hint == "aiohttp or auto or native"


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "elsewhere.test")


def test_behind_a_proxy_auto_is_aiohttp_and_native_says_why_not(behind_a_proxy: None) -> None:
    assert opened("auto", FAR) is AiohttpTransport
    assert opened("auto") is NativeTransport, "never between a worker and its own machine"
    with pytest.raises(UsageError, match="proxy") as refusal:
        opened("native", FAR)
    assert (refusal.value.path, refusal.value.hint) == ("server.transport", "auto or aiohttp")


def test_without_epoll_auto_is_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    assert opened("auto") is AiohttpTransport
    with pytest.raises(UsageError, match="epoll"):
        opened("native")


def test_the_one_that_is_not_used_is_not_imported() -> None:
    code = "import sys, function.transport.native, function.transport.opening; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
