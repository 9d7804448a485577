from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from function.store.local import LocalStore
from orchestrator.commands import merge
from orchestrator.outcome import DEGRADED, INVALID, OK
from tests.emulators.stored_run import Stage, Truth


def stored(root: Path, bend: Callable[[Truth], None] = lambda truth: None, run_id: str = "emulated") -> Path:
    truth = Truth([Stage(5)])
    bend(truth)
    truth.write(LocalStore(root).at(f"runs/{run_id}"))
    return root / "runs" / run_id


def test_by_id_below_a_root_and_by_folder(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    for outcome in (merge.run("emulated", str(tmp_path)), merge.run(str(folder), "/nowhere")):
        assert (outcome.command, outcome.exit_code) == ("merge", OK)
        assert outcome.result["report"] == str(folder / "report")
        assert outcome.result["verdict"] == "VALID"
        assert outcome.result["ledger"]["planned"] == 100
        assert outcome.result["run_id"] == "emulated"
    assert json.loads((folder / "report" / "summary.json").read_text())["verdict"] == "VALID"


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda truth: truth.each(truth.fail, lambda row: row.k < 5), DEGRADED),
        (lambda truth: truth.each(truth.fail), INVALID),
    ],
)
def test_the_exit_code_is_the_verdict(tmp_path: Path, bend: Callable[[Truth], None], code: int) -> None:
    stored(tmp_path, bend)
    assert merge.run("emulated", str(tmp_path)).exit_code == code


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        merge.run("nothing", str(tmp_path))
    assert raised.value.code == "run_not_found"


def test_the_report_also_lies_below_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    folder = stored(tmp_path / "far")
    copy = working / "runs" / "emulated" / "report"
    outcome = merge.run("emulated", (tmp_path / "far").as_uri())
    assert outcome.result["report"] == str(folder / "report")
    names = sorted(path.name for path in (folder / "report").iterdir())
    assert sorted(path.name for path in copy.iterdir()) == names
    for name in names:
        assert (copy / name).read_bytes() == (folder / "report" / name).read_bytes()
    folder.rename(tmp_path / "archive")
    shutil.rmtree(working / "runs")
    assert merge.run(str(tmp_path / "archive"), ".", ["json"], "report").exit_code == OK
    assert [path.name for path in copy.iterdir()] == ["summary.json"]


def test_where_the_root_is_the_working_folder_nothing_is_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if "report" not in path.parts}
    merge.run("emulated", ".")
    assert {path for path in tmp_path.rglob("*") if "report" not in path.parts} - before <= {tmp_path / "runs"}


def test_a_moved_folder_is_reported_where_it_lies(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    folder.rename(tmp_path / "archive")
    outcome = merge.run(str(tmp_path / "archive"), ".")
    assert outcome.result["report"] == str(tmp_path / "archive" / "report")
    assert (tmp_path / "archive" / "report" / "report.html").exists()
