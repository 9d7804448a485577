"""`launch` and `attach` as outcomes: a real run of a second against the embedded server, and how its ends are told."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.commands import attach, launch
from orchestrator.commands.verdict import EXIT_CODES
from orchestrator.launch.interrupts import Interrupted
from orchestrator.launch.prepare import Asked
from orchestrator.launch.run import Launched
from orchestrator.outcome import Outcome
from tests.orchestrator.commands.stored import make_run

CONFIG = {
    "api": {"type": "chat", "streaming": True},
    "server": {"type": "mock", "mock": {"ttft": "20ms", "itl": "2ms"}},
    "data": {"type": "mock"},
    "load": {"type": "constant", "base_seed": 1, "stages": [{"rate": 20, "duration": 1}]},
    "fanout": {"lanes": 2, "lease": 6},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("launch")


@pytest.fixture(scope="module")
def launched(root: Path) -> Outcome:
    (root / "c.yaml").write_text(json.dumps(CONFIG))
    return launch.run(Asked(str(root / "c.yaml"), root=str(root), run_id="mine"))


def test_a_run_ends_with_its_verdict_ledger_and_report(launched: Outcome, root: Path) -> None:
    result = launched.result
    assert launched.exit_code == EXIT_CODES[result["verdict"]]
    assert (result["run_id"], result["ledger"]["planned"]) == ("mine", 20)
    assert Path(result["report"]) == root / "runs" / "mine" / "report"
    summary = json.loads((Path(result["report"]) / "summary.json").read_text())
    assert summary["verdict"] == result["verdict"]
    assert summary["ledger"] == result["ledger"]
    out = io.StringIO()
    Console(file=out, width=160).print(launched.human)
    assert result["verdict"] in out.getvalue() and "report.html" in out.getvalue()


def test_nothing_but_the_run_is_left(launched: Outcome, root: Path) -> None:
    assert sorted(path.name for path in root.iterdir()) == ["c.yaml", "runs"]
    assert not (root / "runs" / "mine" / "logs").exists(), "no worker had anything to say"


def test_attaching_to_a_finished_run_gives_its_verdict_again(launched: Outcome, root: Path) -> None:
    again = attach.run("mine", str(root))
    assert again.exit_code == launched.exit_code
    assert again.result == launched.result


def left_by(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Outcome:
    made = {"run_id": "r", "folder": "/x", "reported": None, "problems": (), **given}
    monkeypatch.setattr(launch, "launch", lambda asked, view: Launched(**made))
    return launch.run(Asked("c.yaml", root="/x"))


def test_a_run_left_to_itself_says_how_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    found = left_by(monkeypatch)
    assert found.exit_code == 0
    assert found.result == {"run_id": "r", "report": None, "verdict": None, "ledger": None}
    assert "benchctl attach r --root /x" in found.human


@pytest.mark.parametrize(
    ("verdict", "by_user", "code"),
    [("VALID", False, 0), ("DEGRADED", False, 3), ("INVALID", False, 4), ("INVALID", True, 130), ("VALID", True, 130)],
)
def test_exit_codes_follow_the_verdict_and_the_user(
    monkeypatch: pytest.MonkeyPatch, verdict: str, by_user: bool, code: int
) -> None:
    monkeypatch.setattr("orchestrator.commands.verdict.render", lambda summary, paths: "words")
    summary = SimpleNamespace(verdict=verdict, ledger=SimpleNamespace(as_dict=lambda: {"planned": 1}))
    merged = SimpleNamespace(summary=summary, plan=SimpleNamespace(run_id="r"))
    reported = SimpleNamespace(merged=merged, directory=Path("/x/report"), paths=(), copy=None, problems=())
    found = left_by(monkeypatch, reported=reported, aborted_by_user=by_user)
    assert found.exit_code == code
    assert found.result == {"run_id": "r", "report": "/x/report", "verdict": verdict, "ledger": {"planned": 1}}


def test_ctrl_c_while_watching_leaves_the_run_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_run(tmp_path)

    def interrupted(stored: object, view: object) -> None:
        raise Interrupted("SIGINT")

    monkeypatch.setattr(attach, "attach", interrupted)
    found = attach.run("r", str(tmp_path))
    assert found.exit_code == 130
    assert found.error is not None and "benchctl abort r" in found.error.hint
