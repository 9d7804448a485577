"""Text to the inside of a JSON string, as workers join it, and JSON files to values with the place of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from function.contract.errors import UsageError


def inside(text: str) -> bytes:
    """UTF-8, escaped, without quotes. UnicodeEncodeError where the text holds half of a surrogate pair."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


def is_unicode(text: str) -> bool:
    """False for text with half of a surrogate pair, which neither UTF-8 nor a tokenizer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read(path: Path) -> bytes:
    """The file without a byte-order mark. UsageError where it cannot be read or is not UTF-8."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        line, column = _place(body, error.start)
        what = f"line {line}, column {column}: byte 0x{body[error.start]:02x} is not UTF-8"
        raise malformed(path, what, "save it as UTF-8") from error
    return body


def parse(body: bytes, path: Path, first_line: int = 1) -> Any:
    """The JSON value of `body`, which begins at line `first_line` of the file. UsageError names line and column."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass  # slower, and more lenient with half surrogate pairs; tells the place of what is wrong
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        place = f"line {first_line + error.lineno - 1}, column {error.colno}"
        raise malformed(path, f"{place}: not JSON ({error.msg})", "correct or remove it") from error
    except RecursionError as error:
        raise malformed(path, f"line {first_line}: nested too deeply", "correct or remove it") from error


def malformed(path: Path, what: str, hint: str = "", key: str = "data.path") -> UsageError:
    return UsageError(f"{path}, {what}", path=key, hint=hint, code="data_malformed")


def unreadable(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} cannot be read: {why}", path="data.path", code="data_unreadable")


def _place(body: bytes, at: int) -> tuple[int, int]:
    start = body.rfind(b"\n", 0, at) + 1
    return body.count(b"\n", 0, at) + 1, len(body[start:at].decode()) + 1
