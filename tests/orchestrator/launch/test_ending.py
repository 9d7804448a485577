"""Where a report goes: beside the run where that is here, below the working folder and into the bucket where not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from function.contract.errors import BenchctlError, StoreError
from function.store.local import LocalStore
from function.store.memory import MemoryStore
from orchestrator.launch import ending
from orchestrator.launch.drive import Driven
from orchestrator.launch.ending import NotStored, merge_and_report, report_driven, report_folder


class Bucket(MemoryStore):
    uri = "s3://bucket/runs/r"  # type: ignore[assignment]


def written(directory: Path) -> tuple[Path, ...]:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "summary.json").write_text("{}")
    return (directory / "summary.json",)


def test_the_folder(tmp_path: Path) -> None:
    assert report_folder(LocalStore(tmp_path), "r") == tmp_path / "report"
    assert report_folder(Bucket(), "r") == Path("runs/r/report")


def test_what_was_watched_is_merged_as_such_and_a_bucket_gets_a_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[Any] = []

    def merge(store: object, **given: object) -> str:
        calls.append(given)
        return "merged"

    def write(merged: object, directory: Path, formats: object, *, store: object) -> tuple[Path, ...]:
        calls.append((merged, directory, store))
        return written(directory)

    monkeypatch.setattr(ending, "merge_run", merge)
    monkeypatch.setattr(ending, "write_report", write)
    bucket = Bucket()
    found = merge_and_report(bucket, "r", ("0-0-0.0",))
    assert (found.paths, found.copy) == ((Path("runs/r/report/summary.json"),), None)
    merge_and_report(LocalStore(tmp_path), "r", ())
    assert calls == [
        {"ended": ("0-0-0.0",), "alone": False},
        ("merged", Path("runs/r/report"), bucket),
        {"ended": (), "alone": False},
        ("merged", tmp_path / "report", None),
    ]


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Reports hold one file; returned is the working folder."""
    monkeypatch.setattr(ending, "merge_run", lambda store, **given: "merged")
    monkeypatch.setattr(ending, "write_report", lambda merged, directory, formats, store: written(directory))
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    return working


def test_a_report_elsewhere_is_also_written_below_the_working_folder(writing: Path, tmp_path: Path) -> None:
    found = merge_and_report(LocalStore(tmp_path / "far"), "r", ())
    assert found.directory == tmp_path / "far" / "report"
    assert found.copy == Path("runs/r/report")
    assert [path.name for path in (writing / "runs" / "r" / "report").iterdir()] == ["summary.json"]
    assert not found.problems


def test_where_both_are_the_same_place_it_is_written_once(writing: Path) -> None:
    found = merge_and_report(LocalStore(writing).at("runs/r"), "r", ())
    assert (found.copy, found.problems) == (None, ())
    os.symlink(writing, writing / "link")
    assert merge_and_report(LocalStore(writing / "link" / "runs" / "r"), "r", ()).copy is None


def test_a_working_folder_that_takes_no_copy_is_a_warning(writing: Path, tmp_path: Path) -> None:
    (writing / "runs").write_text("a file")
    found = merge_and_report(LocalStore(tmp_path / "far"), "r", ())
    assert [(one.code, one.severity) for one in found.problems] == [("report_copy", "warning")]
    assert (tmp_path / "far" / "report" / "summary.json").exists()


def test_a_plan_cannot_lead_the_copy_elsewhere(writing: Path, tmp_path: Path) -> None:
    for run_id in ("../../outside", "", "/etc/outside", "a/b"):
        assert merge_and_report(LocalStore(tmp_path / "far"), run_id, ()).copy is None
    assert not list(writing.iterdir())


def test_results_that_could_not_be_stored_fail_the_run_after_its_report(writing: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "far")
    assert report_driven(store, "r", Driven()).paths
    for driven, code in (
        (Driven(unstored="no space"), 1),
        (Driven(unstored="no space", aborted=True, reason="lease"), 1),
        (Driven(unstored="no space", aborted=True, reason="user"), 130),
    ):
        with pytest.raises(NotStored) as failed:
            report_driven(store, "r", driven)
        assert (failed.value.code, failed.value.path, failed.value.exit_code) == ("results_not_stored", "--root", code)
        assert "no space" in failed.value.message and "benchctl merge r" in failed.value.hint


@pytest.mark.parametrize(
    ("error", "unstored", "code"),
    [
        (StoreError("cannot create x"), None, "results_not_stored"),
        (BenchctlError("no report", code="report_unwritable"), "no space", "results_not_stored"),
        (BenchctlError("no report", code="report_unwritable"), None, "report_unwritable"),
    ],
)
def test_a_store_that_takes_no_receipts_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BenchctlError, unstored: str | None, code: str
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(ending, "merge_run", fail)
    with pytest.raises(BenchctlError) as failed:
        report_driven(LocalStore(tmp_path), "r", Driven(unstored=unstored))
    assert failed.value.code == code
