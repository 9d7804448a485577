"""Where an endpoint lies, and the head of a request."""

from __future__ import annotations

import pytest

from function.contract.errors import UsageError
from function.transport.head import RESERVED, Endpoint, RequestHead, field, parse_endpoint


@pytest.mark.parametrize(
    ("root", "endpoint"),
    [
        ("http://127.0.0.1:8100", Endpoint("http", "127.0.0.1", 8100, "127.0.0.1:8100", "")),
        ("http://Model.Example", Endpoint("http", "model.example", 80, "model.example", "")),
        ("https://model.example/", Endpoint("https", "model.example", 443, "model.example", "")),
        ("https://model.example:443/a", Endpoint("https", "model.example", 443, "model.example", "/a")),
        ("http://model.example:443", Endpoint("http", "model.example", 443, "model.example:443", "")),
        ("http://[::1]:8000/proxy/x", Endpoint("http", "::1", 8000, "[::1]:8000", "/proxy/x")),
        ("http://[::1]", Endpoint("http", "::1", 80, "[::1]", "")),
        ("http://bücher.example/é", Endpoint("http", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/%C3%A9")),
    ],
)
def test_an_endpoint_is_read(root: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(root) == endpoint


@pytest.mark.parametrize(
    "root",
    [
        "127.0.0.1:8100",
        "ftp://x",
        "http://",
        "http://x:port",
        "http://x:99999",
        "http://[::1",
        "http://me:secret@x",
        "http://x?a=b",
        "http://x#top",
        "http://x/a b",
        "http://x..y",
        "http://" + "x" * 64,
    ],
)
def test_what_is_no_endpoint_is_refused_and_names_the_key(root: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_endpoint(root)
    assert refusal.value.path == "server.base_url"
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("root", "allowed", "expected"),
    [
        ("http://a.test:80", (), True),
        ("http://a.test", ("a.test:80",), True),
        ("https://A.test", ("b.test:443", "A.TEST:443"), True),
        ("https://a.test", ("a.test:80",), False),
        ("http://[::1]:8000", ("[::1]:8000",), True),
        ("http://a.test.evil", ("a.test:80",), False),
    ],
)
def test_the_allow_list_is_of_hosts_and_ports(root: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert parse_endpoint(root).allowed_by(allowed) is expected


ENDPOINT = parse_endpoint("http://model.test:8000/team")


def head(headers: dict[str, str], absolute_form: str = "") -> list[str]:
    rendered = RequestHead(ENDPOINT, "/v1/x", headers, absolute_form).render("run-3", 42)
    assert rendered.endswith(b"\r\n\r\n")
    return rendered.decode().split("\r\n")[:-2]


def test_the_head_in_its_order() -> None:
    assert head({"X-Team": "blue", "Authorization": "Bearer k"}) == [
        "POST /team/v1/x HTTP/1.1",
        "Host: model.test:8000",
        "User-Agent: benchctl",
        "Accept: text/event-stream, application/json",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        "X-Team: blue",
        "Authorization: Bearer k",
        "X-Request-ID: run-3",
        "Content-Length: 42",
    ]


def test_one_more_header_for_one_request() -> None:
    rendered = RequestHead(ENDPOINT, "/", {}).render("run-3", 42, field("X-Session", "run-5")).decode()
    assert rendered.endswith("X-Request-ID: run-3\r\nX-Session: run-5\r\nContent-Length: 42\r\n\r\n")
    with pytest.raises(UsageError):
        field("X-Session", "a\r\nb: c")


def test_given_headers_replace_ours_and_each_other_whatever_their_case() -> None:
    lines = head({"user-agent": "mine", "X-A": "1", "x-a": "2"})
    assert "user-agent: mine" in lines and "x-a: 2" in lines
    assert sum(line.lower().startswith(("user-agent:", "x-a:")) for line in lines) == 2


def test_behind_a_proxy_the_whole_address_is_asked_for() -> None:
    assert head({}, "http://model.test:8000")[0] == "POST http://model.test:8000/team/v1/x HTTP/1.1"


@pytest.mark.parametrize("name", [*RESERVED, "X-Request-Id", "bad name", "", "a:b", "é"])
def test_headers_that_are_ours_or_no_headers_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as refusal:
        RequestHead(ENDPOINT, "/", {name: "v"})
    assert refusal.value.path.startswith("api.headers")


@pytest.mark.parametrize("value", ["secret\n", "secret\r\nX-Evil: 1", "secret\x00", "\x7f"])
def test_a_value_that_would_break_the_head_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(UsageError) as refusal:
        RequestHead(ENDPOINT, "/", {"Authorization": value})
    assert "secret" not in f"{refusal.value} {refusal.value.path}"
