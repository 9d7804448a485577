"""From a word to a store: which adapter opens a path or a URI, and how such words are joined.

Knows the schemes of this build and nothing of the stores behind them; an adapter is imported when it is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from function.contract.errors import UsageError
from function.store.key import folder_prefix
from function.store.port import ObjectStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def open_store(uri: str) -> ObjectStore:
    """Open the store at a path (`~` is the home directory) or URI; nothing is touched yet.

    Raises UsageError: `store_unsupported` for a scheme this build does not open, `store_uri` for a malformed word.
    """
    _check_word(uri)
    match = _SCHEME.match(uri)
    scheme = match.group(1).lower() if match else ""
    opener = OPENERS.get(scheme)
    if opener is None:
        known = ", ".join(f"{name}://" for name in OPENERS if name)
        raise UsageError(
            f"cannot open {uri!r}: this build opens directories and {known}, not {scheme}:",
            code="store_unsupported",
            hint="give a directory; write ./ before one whose name looks like a URI",
        )
    return opener(uri)


def join_uri(uri: str, folder: str) -> str:
    """The word for `folder` below `uri`: opens what `open_store(uri).at(folder)` sees.

    Raises ValueError for what is no folder, UsageError for an empty `uri`.
    """
    _check_word(uri)
    below = folder_prefix(folder).removesuffix("/")
    if not below:
        return uri
    if uri[:5].lower() == "file:":
        below = quote(below)  # only these are percent-encoded; S3 and GCS take their keys as they are
    return uri + below if uri.endswith("/") else f"{uri}/{below}"


def _check_word(uri: str) -> None:
    if not uri or "\0" in uri:
        raise UsageError(f"not a path or URI: {uri!r}", code="store_uri", hint="write . for the current directory")


def _open_path(path: str) -> ObjectStore:
    from function.store.local import LocalStore

    try:
        return LocalStore(Path(path).expanduser())
    except RuntimeError as error:  # pathlib's word for `~nobody`
        raise UsageError(f"cannot open {path!r}: {error}", code="store_uri") from error


def _open_file(uri: str) -> ObjectStore:
    from function.store.local import LocalStore

    rest = uri[len("file:") :]
    host, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest[1:])
    raw = b"/" + unquote_to_bytes(path)
    if host not in ("", "localhost") or not rest.startswith("/") or "?" in path or "#" in path or b"\0" in raw:
        raise UsageError(
            f"cannot open {uri!r}: not the URI of a local directory",
            code="store_uri",
            hint="write file:///absolute/path, with %3F for ? and %23 for #",
        )
    return LocalStore(Path(os.fsdecode(raw)))


def _open_s3(uri: str) -> ObjectStore:
    from function.amazon import Amazon
    from function.store.s3 import S3Store

    bucket, _, folder = uri[len("s3:") :].removeprefix("//").partition("/")
    if not _BUCKET.fullmatch(bucket) or not uri[len("s3:") :].startswith("//"):
        raise UsageError(
            f"cannot open {uri!r}: no bucket's name in it", code="store_uri", hint="write s3://bucket/folder"
        )
    try:
        return S3Store(Amazon(), bucket, folder)
    except ValueError as error:  # a folder that is none
        raise UsageError(f"cannot open {uri!r}: {error}", code="store_uri", hint="write s3://bucket/folder") from error


OPENERS: dict[str, Callable[[str], ObjectStore]] = {"": _open_path, "file": _open_file, "s3": _open_s3}
