"""The journey's edges: what is refused before anything exists, and what is told when it ends otherwise than planned.

A whole run is in tests/orchestrator/commands/test_launch.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from function.contract import keys
from function.contract.errors import BenchctlError, StoreError, UsageError
from function.store.local import LocalStore
from orchestrator.launch import run as module
from orchestrator.launch.interrupts import Interrupted
from orchestrator.launch.prepare import Asked
from orchestrator.launch.run import CutShort, NotReady, ReportFailed, launch
from orchestrator.providers import local
from tests.orchestrator.launch.crew import FakeView


def config(folder: Path, **sections: Any) -> str:
    tree = {
        "api": {"type": "chat", "streaming": True},
        "server": {"type": "mock", "mock": {"ttft": "10ms", "itl": "1ms"}},
        "data": {"type": "mock"},
        "load": {"type": "constant", "base_seed": 1, "stages": [{"rate": 5, "duration": 1}]},
        "fanout": {"lanes": 1, "lease": 6},
        **sections,
    }
    path = folder / "c.yaml"
    path.write_text(json.dumps(tree))
    return str(path)


def test_a_provider_that_is_not_built_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        launch(Asked("nowhere.yaml", provider="gcp"), FakeView())
    assert refused.value.code == "not_built"


def test_an_endpoint_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    asked = Asked(config(tmp_path, server={"type": "vllm", "base_url": "http://127.0.0.1:9"}), root=str(tmp_path))
    with pytest.raises(UsageError) as refused:
        launch(asked, FakeView())
    assert refused.value.code == "endpoint_unreachable"
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


def test_workers_that_die_at_once_are_told_with_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WORKER", (sys.executable, "-c", "import sys; sys.exit('no such luck')"))
    view = FakeView()
    with pytest.raises(NotReady) as failed:
        launch(Asked(config(tmp_path), root=str(tmp_path), run_id="r"), view)
    assert (failed.value.exit_code, failed.value.path) == (1, "fanout.ready")
    assert "no such luck" in failed.value.message
    assert any("no such luck" in line for line in view.lines)
    run = LocalStore(tmp_path / "runs" / "r")
    assert b'"abort"' in run.get(keys.CONTROL).body
    assert not list(run.list(keys.GO))
    assert (tmp_path / "runs" / "r" / "logs" / "0-0-0.0.log").read_text() == "no such luck\n"


def test_a_root_that_fills_up_under_the_upload_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: object, built: object) -> None:
        raise StoreError("cannot create workload/0-0-0.arrow: No space left on device")

    monkeypatch.setattr(module, "upload", full)
    with pytest.raises(UsageError) as refused:
        launch(Asked(config(tmp_path), root=str(tmp_path)), FakeView())
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("root_unwritable", "--root", 2)
    assert "No space left" in refused.value.message and "room" in refused.value.hint


def ending_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr("orchestrator.launch.ending.merge_and_report", fail)
    launch(Asked(config(tmp_path), root=str(tmp_path), run_id="r"), FakeView())


def test_a_report_that_cannot_be_written_is_no_usage_error_any_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error = UsageError("disk full", path="--root", hint="make room", code="report_unwritable")
    with pytest.raises(ReportFailed) as failed:
        ending_in(monkeypatch, tmp_path, error)
    assert (failed.value.exit_code, failed.value.code, failed.value.hint) == (1, "report_unwritable", "make room")


def test_an_interrupt_while_the_report_is_made_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(CutShort) as cut:
        ending_in(monkeypatch, tmp_path, Interrupted("SIGINT"))
    assert cut.value.exit_code == 130
    assert cut.value.hint == "benchctl merge r"
    assert isinstance(cut.value, BenchctlError)


def test_light_imports_only_before_the_first_processes_are_started() -> None:
    import subprocess

    root = Path(module.__file__).resolve().parents[2]
    script = "import orchestrator.commands.launch, sys; print({'numpy', 'pyarrow', 'scipy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
