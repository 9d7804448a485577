"""A zip whose bytes depend on nothing but its files: sorted, one fixed time, and modes that follow from content."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from orchestrator.package.elf import is_elf

_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say
_REGULAR = 0o100000
_UNIX = 3


def write_archive(files: Mapping[str, bytes], path: Path) -> str:
    """Writes it whole or not at all; the sha256 of its bytes in hex."""
    partial = path.with_name(path.name + ".partial")
    with zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(files):
            archive.writestr(_entry(name, files[name]), files[name], zipfile.ZIP_DEFLATED, 9)
    partial.replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _entry(name: str, body: bytes) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = _UNIX  # or Windows would write another byte here
    entry.external_attr = (_REGULAR | (0o755 if is_elf(body) else 0o644)) << 16
    return entry
