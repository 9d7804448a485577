"""The one line kept of an error body."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.error_text import TEXT_LIMIT, error_text, shorten


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '{"error":{"message":"max_tokens is too large","type":"BadRequestError","code":400}}',
            "max_tokens is too large",
        ),
        ('{"error":"Unauthorized"}', "Unauthorized"),
        ('{"object":"error","message":"The model does not exist.","code":404}', "The model does not exist."),
        ('{"detail":"Not Found"}', "Not Found"),
        ('{"detail":[{"loc":["body"],"msg":"field required"},{"msg":"too long"}]}', "field required; too long"),
        ('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Overloaded"),
        ('[{"error":{"code":400,"message":"bad"}}]', "bad"),
        ('{"code":7}', '{"code":7}'),
        ('{"error":{"message":"cut o', '{"error":{"message":"cut o'),
        ("<html><head><title>502 Bad\nGateway</title></head><body>x</body></html>", "502 Bad Gateway"),
        ("<html><style>p{}</style><p>No   <b>luck</b></p></html>", "No luck"),
        ("upstream connect error\nreset", "upstream connect error reset"),
        ("", ""),
    ],
)
def test_the_message_is_found(body: str, expected: str) -> None:
    assert error_text(body.encode()) == expected


def test_nothing_that_a_terminal_would_obey_survives() -> None:
    assert error_text(b"\x1b[31mred\x07") == "�[31mred�"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000) | st.text().map(str.encode) | st.just(b"[" * 60_000))
def test_it_never_fails_and_stays_on_one_line(body: bytes) -> None:
    text = error_text(body)
    assert text.isprintable()
    assert len(shorten(text)) <= TEXT_LIMIT
