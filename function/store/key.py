"""What a key, a folder and a prefix may look like, in every adapter alike.

A key that fits here fits a directory, S3 and GCS: relative, `/`-separated, at most 1,024 bytes of UTF-8, no component
empty, longer than 255 bytes or starting with a dot (so none is `..`, and none is the directory adapter's own `.store`).
A key that does not fit is a mistake of the caller: ValueError, never a StoreError, and no store is asked.
"""

from __future__ import annotations

_KEY_BYTES = 1_024  # S3 and GCS
_COMPONENT_BYTES = 255  # NAME_MAX of the usual file systems


def check_key(key: str) -> str:
    """Return `key`; ValueError when it is not one."""
    if not key:
        raise ValueError("a key must not be empty")
    _check_text(key)
    for component in key.split("/"):
        _check_component(key, component)
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix`; ValueError when no key can start with it. The last component may be a part of one, or absent."""
    _check_text(prefix)
    *whole, rest = prefix.split("/")
    for component in whole:
        _check_component(prefix, component)
    if rest:
        _check_component(prefix, rest)
    return prefix


def folder_prefix(folder: str) -> str:
    """What the keys in `folder` start with: `""` for `""`, else the folder with one `/` at its end."""
    return check_key(folder.removesuffix("/")) + "/" if folder else ""


def _check_text(text: str) -> None:
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError(f"a key must not hold control characters: {text!r}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"a key must be valid Unicode: {text!r}") from error
    if size > _KEY_BYTES:
        raise ValueError(f"a key must not be longer than {_KEY_BYTES} bytes: {text!r}")


def _check_component(key: str, component: str) -> None:
    if not component:
        raise ValueError(f"a key must be relative, without empty components: {key!r}")
    if component.startswith("."):
        raise ValueError(f"no component of a key may start with a dot: {key!r}")
    if len(component.encode()) > _COMPONENT_BYTES:
        raise ValueError(f"a component of a key must not be longer than {_COMPONENT_BYTES} bytes: {key!r}")
