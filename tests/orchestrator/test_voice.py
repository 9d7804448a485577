"""The one place that prints: the envelope to the letter, one line per problem, and readers that go away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from orchestrator.outcome import Outcome, Problem
from orchestrator.voice import envelope, speak

ROOT = Path(__file__).resolve().parents[2]
WARNING = Problem("differs", "is read otherwise", "load.type", "poisson", "warning")
ERROR = Problem("run_exists", "there is a run r already", "--run-id", "choose another")


def test_the_envelope_to_the_letter() -> None:
    plain = envelope(Outcome("plan", result={"a": 1}))
    assert plain == {
        "schema_version": 1,
        "command": "plan",
        "exit_code": 0,
        "result": {"a": 1},
        "error": None,
        "problems": [],
    }
    failed = envelope(Outcome("launch", 2, error=ERROR, problems=(WARNING,)))
    assert failed["error"] == {
        "code": "run_exists",
        "severity": "error",
        "path": "--run-id",
        "message": "there is a run r already",
        "hint": "choose another",
    }
    assert failed["problems"][0]["severity"] == "warning"


def test_json_is_one_value_on_stdout_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    code = speak(Outcome("runs", 3, {"name": "späti"}, human="words", problems=(WARNING,)), as_json=True)
    printed = capsys.readouterr()
    assert code == 3
    assert json.loads(printed.out)["result"] == {"name": "späti"}
    assert printed.out.count("\n") == 1
    assert printed.err == ""


def test_people_get_results_on_stdout_and_problems_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    speak(Outcome("launch", 2, error=ERROR, problems=(WARNING,), human="some words\n"), as_json=False)
    printed = capsys.readouterr()
    assert printed.out == "some words\n"
    assert printed.err.splitlines() == [
        "warning[differs] load.type: is read otherwise (poisson)",
        "error[run_exists] --run-id: there is a run r already (choose another)",
    ]


def test_a_problem_that_became_the_error_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    speak(Outcome("launch", 2, error=ERROR, problems=(ERROR,)), as_json=False)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_path_is_not_said_twice() -> None:
    assert Problem("c", "load.type: is wrong", "load.type").as_line() == "error[c] load.type: is wrong"
    assert Problem("c", "is wrong", "load.type").as_line() == "error[c] load.type: is wrong"
    assert Problem("c", "is wrong").as_line() == "error[c] is wrong"


def test_tables_are_rendered(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("run", box=None)
    table.add_row("r" * 100)
    speak(Outcome("runs", human=table), as_json=False)
    assert "r" * 100 in capsys.readouterr().out


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_error(flag: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "schema", *flag],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
