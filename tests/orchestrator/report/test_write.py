from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from function.contract.errors import BenchctlError, UsageError
from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.report.write import FORMATS, write_report
from tests.emulators.stored_run import Stage, Truth

ALL = {
    "summary.json", "requests.parquet", "report.html", "summary_lifecycle_metrics.json",
    "stage_0_lifecycle_metrics.json", "stage_1_lifecycle_metrics.json",
}  # fmt: skip


def merged(truth: Truth | None = None) -> Merged:
    store = MemoryStore()
    (truth or Truth([Stage(2), Stage(2)])).write(store)
    return merge_run(store)


def test_every_file_of_every_format(tmp_path: Path) -> None:
    paths = write_report(merged(), tmp_path / "runs" / "r" / "report")
    assert {path.name for path in paths} == ALL
    assert {path.name for path in paths[0].parent.iterdir()} == ALL, "and nothing half written beside them"
    assert json.loads(paths[0].read_text())["run_id"] == "emulated"


@pytest.mark.parametrize(
    ("formats", "names"),
    [
        (["json"], {"summary.json"}),
        (["html", "parquet", "html"], {"report.html", "requests.parquet"}),
        ([], set()),
    ],
)
def test_only_the_formats_asked_for(tmp_path: Path, formats: list[str], names: set[str]) -> None:
    assert {path.name for path in write_report(merged(), tmp_path, formats)} == names


def test_inference_perfs_files_as_the_config_asks(tmp_path: Path) -> None:
    truth = Truth([Stage(2), Stage(2)], summary=False, per_stage=False, per_request=True)
    paths = write_report(merged(truth), tmp_path, ["inference-perf"])
    assert {path.name for path in paths} == {"per_request_lifecycle_metrics.json"}


def test_warm_ups_have_no_file(tmp_path: Path) -> None:
    paths = write_report(merged(Truth([Stage(2, warmup=True), Stage(2)])), tmp_path, ["inference-perf"])
    assert {path.name for path in paths} == {"summary_lifecycle_metrics.json", "stage_1_lifecycle_metrics.json"}
    assert json.loads((tmp_path / "summary_lifecycle_metrics.json").read_text())["load_summary"]["count"] == 40


def test_a_copy_where_their_readers_look(tmp_path: Path) -> None:
    place = tmp_path / "reports-{timestamp}"
    truth = Truth([Stage(2)], local_path=str(place), file_prefix="night-")
    paths = write_report(merged(truth), tmp_path / "report", ["json", "inference-perf"])
    (folder,) = [path for path in tmp_path.iterdir() if path.name.startswith("reports-2")]
    assert {path.name for path in folder.iterdir()} == {
        "night-summary_lifecycle_metrics.json", "night-stage_0_lifecycle_metrics.json"
    }  # fmt: skip
    assert set(folder.iterdir()) <= set(paths)


def test_a_run_that_lies_elsewhere_gets_its_files_too(tmp_path: Path) -> None:
    store = MemoryStore()
    write_report(merged(), tmp_path, FORMATS, store)
    assert {entry.key for entry in store.list("report/")} == {f"report/{name}" for name in ALL}
    assert store.get("report/summary.json").body == (tmp_path / "summary.json").read_bytes()


def test_again_over_an_older_report(tmp_path: Path) -> None:
    found = merged()
    first = {path: path.read_bytes() for path in write_report(found, tmp_path)}
    (tmp_path / "summary.json").write_text("old")
    again = {path: path.read_bytes() for path in write_report(found, tmp_path)}
    assert first.keys() == again.keys()
    assert first[tmp_path / "summary.json"] == again[tmp_path / "summary.json"]


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        write_report(merged(), tmp_path, ["json", "xml"])
    assert (raised.value.code, raised.value.path, raised.value.hint) == (
        "report_format",
        "--format",
        ", ".join(FORMATS),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchctlError) as raised:
        write_report(merged(), tmp_path / "file" / "report")
    assert (raised.value.code, raised.value.exit_code) == ("report_unwritable", 1)
    assert "benchctl report" in raised.value.hint


def test_a_failed_write_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = merged()
    write_report(found, tmp_path, ["json"])
    before = (tmp_path / "summary.json").read_bytes()

    def full(self: Path, body: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BenchctlError, match="No space left"):
        write_report(found, tmp_path, ["json"])
    assert (tmp_path / "summary.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
