from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.commands import report
from tests.orchestrator.commands.test_merge import stored


def test_the_formats_asked_for(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    outcome = report.run("emulated", str(tmp_path), "json, html")
    assert outcome.command == "report"
    assert {path.name for path in (folder / "report").iterdir()} == {"summary.json", "report.html"}


def test_all_formats_by_default(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    report.run("emulated", str(tmp_path))
    assert len(list((folder / "report").iterdir())) == 5


def test_an_unknown_format_writes_nothing(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    with pytest.raises(UsageError, match="'csv' is no report format"):
        report.run("emulated", str(tmp_path), "html,csv")
    assert not (folder / "report").exists()
