"""Writes the report's files. Which bytes they hold is each format's own business; here is only where they go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from function.store.port import ObjectStore
from orchestrator.merge.run import Merged

FORMATS = ("json", "parquet", "html", "inference-perf")


def write_report(
    merged: Merged, directory: Path, formats: Sequence[str] = FORMATS, store: ObjectStore | None = None
) -> tuple[Path, ...]:
    """Write the files of `formats` into `directory` (created), and return their paths.

    `store`: the run's folder where it does not lie on this machine; each file is put there as well, under `report/`.
    Raises UsageError `report_format` for an unknown format, `report_unwritable` when the folder cannot be written.
    """
    raise NotImplementedError
