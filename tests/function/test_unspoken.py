"""Secrets in what servers say: no form of them that a server could quote stays."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.unspoken import MASK, Unspoken

KEY = "sk-SECRETKEY12345"
PASSWORD = "correct-horse"
BASIC = base64.b64encode(f"me:{PASSWORD}".encode()).decode()


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        (KEY, KEY),
        (f"Bearer {KEY}", KEY),
        (f"bearer   {KEY}", KEY),
        (f"Bearer {KEY}", f"Bearer {KEY}"),
        (f'Token token="{KEY}"', KEY),
        (f"Basic {BASIC}", BASIC),
        (f"Basic {BASIC}", PASSWORD),
        (f"AWS4-HMAC-SHA256 Credential=a/b, Signature={KEY}", KEY),
        (f"theme=dark; session={KEY}; lang=en", KEY),
    ],
)
def test_the_inner_part_of_a_header_is_taken_out_too(value: str, quoted: str) -> None:
    said = Unspoken([value]).out_of(f"Incorrect API key provided: {quoted}. Ask your admin.")
    assert quoted not in said and KEY not in said
    assert MASK in said and said.endswith("Ask your admin.")


def test_a_scheme_and_short_words_stay() -> None:
    said = "Bearer tokens of the theme dark are refused"
    assert Unspoken([f"Bearer {KEY}", "theme=dark"]).out_of(said) == said


def test_a_secret_that_holds_another_goes_whole() -> None:
    assert Unspoken(["abcdefgh", "abcdefgh-ijkl"]).out_of("<abcdefgh-ijkl>") == f"<{MASK}>"


@given(secret=st.text("abcXYZ019-_", min_size=8, max_size=40), before=st.text(), after=st.text())
def test_no_key_survives(secret: str, before: str, after: str) -> None:
    assert secret not in Unspoken([f"Bearer {secret}"]).out_of(before + secret + after)
