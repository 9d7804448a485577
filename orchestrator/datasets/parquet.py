"""The one door to pyarrow on the data's side: a Parquet file's rows as dicts of the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestrator.datasets.escaping import unreadable


def column_names(path: Path) -> list[str]:
    """UsageError where the file is no Parquet."""
    names: list[str] = _open(path).schema_arrow.names
    return names


def rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    try:
        for batch in _open(path).iter_batches(columns=list(columns)):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, f"damaged Parquet ({error})") from error


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise unreadable(path, f"not Parquet ({error})") from error
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
