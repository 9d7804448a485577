"""What an API's dialect is: its path, how its prompt is written, and how its chunks and bodies are read.

A decoded chunk shows the same face in every dialect, so the fold over a stream knows no API. Values only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from function.arrival import Piece


class Choice(Protocol):
    @property
    def index(self) -> int | None: ...

    @property
    def finish_reason(self) -> Any:
        """None or "" is no finish."""
        ...

    @property
    def error(self) -> Any:
        """What gateways put into a choice that failed; falsy where there is none."""
        ...

    def content(self) -> str:
        """Output that answers: text, refusal, tool calls. "" where there is none."""
        ...

    def reasoning(self) -> str:
        """Output before the answer. "" where there is none."""
        ...


class Chunk(Protocol):
    """`usage`, `error` and `timings` are JSON as it came, b"" where the key was absent."""

    @property
    def choices(self) -> Sequence[Choice] | None: ...

    @property
    def usage(self) -> Any: ...

    @property
    def error(self) -> Any: ...

    @property
    def timings(self) -> Any: ...


NOTHING = (b"", b"null", b"false", b'""', b"{}", b"[]")  # an `error` or `usage` key that says there is none
Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Dialect:
    """The prompt is the JSON member `opening`, what is said, `closing`; its key is `prompt_key`. `said` gives parts to
    join: what was said before, then the pieces. `answered` is an answer as it follows on what was said.

    So a later turn's prompt begins with the very bytes of the one before, which is what prefix caches go by.
    The decoders raise msgspec.MsgspecError, UnicodeDecodeError or RecursionError on what they cannot read.
    """

    path: str
    prompt_key: str
    opening: bytes
    closing: bytes
    said: Callable[[Sequence[Piece], Sequence[memoryview], bytes], list[Buffer]]
    answered: Callable[[str], bytes]
    decode_chunk: Callable[[bytes], Chunk]
    decode_body: Callable[[bytes], Chunk]

    def prompt(self, pieces: Sequence[Piece], texts: Sequence[memoryview], before: bytes = b"") -> list[Buffer]:
        """The whole member, as parts to join. ContractError where the pieces make no prompt."""
        return [self.opening, *self.said(pieces, texts, before), self.closing]
