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


Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Dialect:
    """`prompt` gives the JSON member that holds the prompt, as parts to join; its key is `prompt_key`.

    The decoders raise msgspec.MsgspecError, UnicodeDecodeError or RecursionError on what they cannot read.
    """

    path: str
    prompt_key: str
    prompt: Callable[[Sequence[Piece], Sequence[memoryview]], list[Buffer]]
    decode_chunk: Callable[[bytes], Chunk]
    decode_body: Callable[[bytes], Chunk]
