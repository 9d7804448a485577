"""What in a 200 stream is an error, in whichever shape servers and gateways write one.

Seen of real ones: an `error` member (OpenAI, vLLM), an event named `error`, an SSE *field* named error (llama.cpp), a
bare JSON line without `data:`, `object`, `type` or `status` that say "error", FastAPI's `detail`, and a `message` with
a code that is none of success. Pure. What has choices or usage is a chunk, and never asked about here.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from function.plain import UNREADABLE

_WORDS = frozenset(("error", "exception", "failed", "failure", "fail"))
_PARTS = re.compile(r"[^a-z]+")
_FINE = frozenset(("", "0", "ok", "success", "succeeded", "completed", "none"))


class Notice(msgspec.Struct):
    """A payload that is no chunk: an error in one of its shapes, or a keep-alive."""

    error: Any = None
    object: Any = None
    type: Any = None
    status: Any = None
    detail: Any = None
    message: Any = None
    msg: Any = None
    code: Any = None
    error_code: Any = None
    status_code: Any = None


def names_error(name: bytes) -> bool:
    """An event's name that says so: `error`, `Error`, `exception`, `response.failed`."""
    return bool(name) and _says_error(name.decode("utf-8", "replace"))


def is_error(payload: bytes) -> bool:
    """Whether a JSON object without choices and usage is an error."""
    try:
        notice = msgspec.json.decode(payload, type=Notice)
    except UNREADABLE:
        return False
    if notice.error or notice.detail:
        return True
    if any(map(_says_error, (notice.object, notice.type, notice.status))):
        return True
    if not (notice.message or notice.msg):
        return False
    return any(map(_is_failure, (notice.code, notice.error_code, notice.status_code, notice.status)))


def _says_error(word: Any) -> bool:
    """Its last word counts: `error_count` names a number, `rate_limit_error` an error."""
    return isinstance(word, str) and _PARTS.split(word.lower().strip())[-1] in _WORDS


def _is_failure(code: Any) -> bool:
    """A code beside a message: numbers but 0, 1xx and 2xx; words but those of success."""
    if isinstance(code, bool) or code is None:
        return False
    if isinstance(code, str) and not code.isdecimal():
        return code.strip().lower() not in _FINE
    try:
        number = int(code)
    except (TypeError, ValueError, OverflowError):
        return False
    return number != 0 and not 100 <= number < 300
