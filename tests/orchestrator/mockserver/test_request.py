"""A request as it comes in pieces."""

from __future__ import annotations

import pytest

from orchestrator.mockserver.request import Request


def test_pieces_are_put_together() -> None:
    request = Request(0)
    for piece in (b"/v1/", b"mod%20els", b"?a=b"):
        request.add_url(piece)
    request.add_header(b"X-REQUEST-ID", b"abc")
    request.add_header(b"X-Other", b"x" * 100)
    for chunk in (b"ab", b"c"):
        request.add_body(chunk)
    request.arrived()
    assert (request.path, request.request_id, request.body, request.body_bytes) == ("/v1/mod els", "abc", b"abc", 3)
    assert request.head_bytes > 100
    assert 0 < request.first_byte_boot <= request.arrival_boot == request.ready_boot


@pytest.mark.parametrize(
    ("name", "key"), [(None, "#4"), (b"nightly-20261125-7", "7"), (b"other-7", "7"), (b"7", "7"), (b"r-x", "r-x")]
)
def test_the_key_is_the_number_within_the_run_or_the_arrivals(name: bytes | None, key: str) -> None:
    request = Request(0)
    request.number = 4
    if name is not None:
        request.add_header(b"x-request-id", name)
    assert request.key == key


def test_a_request_held_back_is_ready_later_than_it_arrived() -> None:
    request = Request(0)
    request.ready_boot = 2**62
    request.arrived()
    assert request.ready_boot == 2**62 > request.arrival_boot
