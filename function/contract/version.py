"""The version of the code that runs in a worker: a digest of this package's own sources.

The plan records it, ready and the worker check it: a stale deployment would measure something else than was planned.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_version() -> str:
    """First 16 hex digits of the sha256 over the names and bytes of `function/**/*.py`, in sorted order."""
    root = Path(__file__).resolve().parent.parent
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda found: found.relative_to(root).as_posix()):
        body = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()}\0{len(body)}\0".encode())
        total.update(body)
    return total.hexdigest()[:16]
