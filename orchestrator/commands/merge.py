"""`benchctl merge RUN`: the report again, from the stored parts alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from function.store.port import ObjectStore
from orchestrator.outcome import Outcome


def run(store: ObjectStore, directory: Path, *, copy: bool = False) -> Outcome:
    """Merge the run whose folder `store` is, and write its report into `directory`.

    `copy`: the folder lies elsewhere (a bucket); the report's files are put there too. Exit code by verdict.
    """
    raise NotImplementedError
