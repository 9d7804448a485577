"""Where a report goes: beside the run where that is here, below the working folder and into the bucket where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from function.store.local import LocalStore
from function.store.memory import MemoryStore
from orchestrator.launch import ending
from orchestrator.launch.ending import merge_and_report, report_folder


class Bucket(MemoryStore):
    uri = "s3://bucket/runs/r"  # type: ignore[assignment]


def test_the_folder(tmp_path: Path) -> None:
    assert report_folder(LocalStore(tmp_path), "r") == tmp_path / "report"
    assert report_folder(Bucket(), "r") == Path("runs/r/report")


def test_what_was_watched_is_merged_as_such_and_a_bucket_gets_a_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[Any] = []

    def merge(store: object, **given: object) -> str:
        calls.append(given)
        return "merged"

    def write(merged: object, directory: Path, *, store: object) -> tuple[Path, ...]:
        calls.append((merged, directory, store))
        return (directory / "summary.json",)

    monkeypatch.setattr(ending, "merge_run", merge)
    monkeypatch.setattr(ending, "write_report", write)
    bucket = Bucket()
    found = merge_and_report(bucket, "r", ("0-0-0.0",))
    assert found.paths == (Path("runs/r/report/summary.json"),)
    merge_and_report(LocalStore(tmp_path), "r", ())
    assert calls == [
        {"ended": ("0-0-0.0",), "alone": False},
        ("merged", Path("runs/r/report"), bucket),
        {"ended": (), "alone": False},
        ("merged", tmp_path / "report", None),
    ]
