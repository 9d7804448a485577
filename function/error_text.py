"""The one line to keep of an error body: OpenAI, vLLM, FastAPI and llama.cpp JSON, an HTML page, or plain text.

Pure. Never fails: an error about an error would hide the first one. The text is the server's; who prints it says so.
"""

from __future__ import annotations

import json
import re
from typing import Any

TEXT_LIMIT = 300  # characters kept in a record
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)


def error_text(body: bytes) -> str:
    """One line of any length, to be shortened once secrets are out of it; "" for an empty body."""
    text = body[: 1 << 16].decode("utf-8", "replace").strip()
    if text[:1] in ("{", "[", '"'):
        try:
            return one_line(_said(json.loads(text)) or text)
        except (ValueError, RecursionError):
            return one_line(text)
    if text[:1] == "<":
        title = _TITLE.search(text)
        return one_line(title.group(1) if title and title.group(1).strip() else _UNSEEN.sub(" ", text))
    return one_line(text)


def one_line(text: str) -> str:
    """Without line breaks, and without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in " ".join(text.split()))


def shorten(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


def _said(value: Any) -> str:
    """The message inside a decoded error, whichever of the known shapes it has; "" where it has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_said, value)))
    if not isinstance(value, dict):
        return ""
    for key in ("error", "message", "msg", "detail", "error_message", "title"):
        if said := _said(value.get(key)):
            return said
    return ""
