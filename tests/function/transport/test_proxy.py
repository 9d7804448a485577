"""Which proxy the environment asks for."""

from __future__ import annotations

import pytest

from function.transport.head import parse_endpoint
from function.transport.proxy import Proxy, environment_proxy, is_loopback


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def proxy_for(root: str) -> Proxy | None:
    return environment_proxy(parse_endpoint(root))


def test_none_without_one() -> None:
    assert proxy_for("http://model.test") is None


def test_by_scheme_and_without_its_credentials_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://us%40er:p@proxy.test:3128/")
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3129")
    assert proxy_for("http://model.test") == Proxy(
        "http://proxy.test:3128/", {"Proxy-Authorization": "Basic dXNAZXI6cA=="}
    )
    assert proxy_for("https://model.test") == Proxy("http://proxy.test:3129", {})


def test_exceptions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "model.test,10.0.0.1")
    assert (
        proxy_for("http://model.test") is proxy_for("http://a.model.test") is proxy_for("http://10.0.0.1:8000") is None
    )
    assert proxy_for("http://other.test") is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost", "a.localhost"])
def test_never_to_ones_own_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert is_loopback(host.strip("[]"))
    assert proxy_for(f"http://{host}:8000") is None
