"""Keeps pandas out of pyarrow. The first `pa.array` of a process imports pandas where it is installed, only to ask
whether the input is one of its types: 1.5 s of CPU before a run's first request, and 60 MB, for nothing we use.

pyarrow looks once and remembers; so it is made to look while pandas cannot be found. `import pandas` works afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType


class _Hidden:
    """A finder that denies pandas."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("hidden from pyarrow", name=name)


def keep_pandas_out() -> None:
    """Call before anything converts to Arrow. Does nothing where pandas is there already, or pyarrow has looked."""
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _Hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_Hidden)
