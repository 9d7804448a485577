"""A request's body from a shard's texts, by joining bytes. Pure.

A text is the inside of a JSON string already, so nothing is escaped, decoded or counted here: what is the same for all
requests is rendered once, and a body is one join. `extra_body` is merged last: its keys win, null removes a key.
A turn of a session is put behind what was said before, which is kept as the bytes that were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from function.arrival import Arrival, Piece
from function.contract.spec import Target
from function.contract.workload import CONTINUE, ROLES
from function.dialects.port import Buffer, Dialect

_json = msgspec.json.encode
_INSTRUCTING = (ROLES.index("system"), ROLES.index("developer"), CONTINUE)


class BodyTemplate:
    """`streaming`, `choices` and `wants_usage` are what the finished body asks for, `extra_body` included."""

    def __init__(self, target: Target, models: Sequence[str], dialect: Dialect, texts: Sequence[bytes]) -> None:
        extra = target.extra_body
        fixed = _fixed(target)
        self._dialect = dialect
        self._prompt = None if dialect.prompt_key in extra else dialect.prompt
        self._texts = [memoryview(text) for text in texts]
        self._models = [b"" if "model" in extra else b',"model":' + _json(model) for model in models]
        self._counts = "max_tokens" not in extra
        self._asked = _whole(extra.get("max_tokens"))
        self._fixed = b"".join(b"," + _json(key) + b":" + _json(value) for key, value in fixed.items())
        self.streaming = fixed.get("stream") is True
        self.choices = _whole(fixed.get("n")) or 1
        options = fixed.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))

    def render(self, arrival: Arrival, before: bytes = b"") -> bytes:
        """The JSON object to POST; `before`: what its session said so far. Raises ContractError where the arrival's
        pieces make no prompt."""
        members: list[Buffer] = [self._models[arrival.model]]
        if self._prompt is not None:
            members.append(b",")
            members += self._prompt(arrival.pieces, self._texts, before)
        if self._counts and arrival.output_tokens is not None:
            members.append(b',"max_tokens":%d' % arrival.output_tokens)
        members.append(self._fixed)
        return b"{" + b"".join(members)[1:] + b"}"

    def said(self, pieces: Sequence[Piece], before: bytes, answer: str | None = None) -> bytes:
        """What a session has said once these pieces, and the answer to them, follow on `before`."""
        answered = b"" if answer is None else self._dialect.answered(answer)
        return b"".join((*self._dialect.said(pieces, self._texts, before), answered))

    def asked_tokens(self, arrival: Arrival) -> int | None:
        """The output length that the body asks for; None where it asks for none."""
        return arrival.output_tokens if self._counts else self._asked


def instructions(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces of the messages before the first that a person or a model said."""
    for at, piece in enumerate(pieces):
        if piece.role not in _INSTRUCTING:
            return pieces[:at]
    return pieces


def _fixed(target: Target) -> dict[str, Any]:
    """Every member that no arrival changes."""
    fixed: dict[str, Any] = {"stream": target.streaming}
    if target.streaming:
        fixed["stream_options"] = {"include_usage": True}
    if target.ignore_eos:
        fixed["ignore_eos"] = True
    fixed |= target.extra_body
    return {key: value for key, value in fixed.items() if value is not None}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
