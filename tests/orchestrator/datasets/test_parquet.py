from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from function.contract.errors import UsageError
from orchestrator.datasets import parquet


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None], "c": [[1], []]}), path)
    assert parquet.column_names(path) == ["a", "b", "c"]
    assert list(parquet.rows(path, ["b", "c"])) == [{"b": "x", "c": [1]}, {"b": None, "c": []}]


def test_damage_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"a": ["x" * 50] * 1000}), path, compression="zstd", use_dictionary=False)
    body = bytearray(path.read_bytes())
    body[20:40] = b"\0" * 20
    path.write_bytes(body)
    with pytest.raises(UsageError) as refused:
        list(parquet.rows(path, ["a"]))
    assert refused.value.code == "data_unreadable"


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parquet.column_names(tmp_path / "gone.parquet")
