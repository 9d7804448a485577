"""Takes secrets out of what a server says, before it is kept: error messages and answers may repeat a key.

A header's value is more than its secret (`Bearer sk-...`, `Basic dXNlcjpwYXNz`), and servers quote the inner part: so
every form under which a value could be quoted is known here. Nothing of it is ever written.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

MASK = "***"
SHORTEST, SHORTEST_WORD = 4, 8  # what is shorter would take ordinary words apart, and is no secret

_BETWEEN = re.compile(r"[\s,;]+")


class Unspoken:
    """`values`: whole header values and secret members of the body."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)  # a form that holds another one goes first

    def out_of(self, text: str) -> str:
        """`text` with each form of each secret replaced by MASK."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


def _forms(value: str) -> Iterator[str]:
    """A value; its credentials, where it is a scheme and credentials (RFC 9110, 11.4); and the longer of its words."""
    yield value
    scheme, _, credentials = value.strip().partition(" ")
    if "=" not in scheme and credentials:
        yield credentials.strip()
        if scheme.lower() == "basic":
            yield from _basic(credentials.strip())
        value = credentials
    for word in _BETWEEN.split(value):  # `Token token="..."`, `session=...; theme=dark`
        for part in (word, word.partition("=")[2].strip('"')):
            if len(part) >= SHORTEST_WORD:
                yield part


def _basic(credentials: str) -> Iterator[str]:
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield pair
    yield pair.partition(":")[2]
