"""The one place that prints: the envelope to the letter, one line per problem, and readers that go away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from orchestrator.outcome import Outcome, Problem
from orchestrator.voice import envelope, speak

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
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
    assert Problem("c", "plan.json cannot be read", "plan.json").as_line() == "error[c] plan.json cannot be read"
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


SPEAK = r"""
import sys
from rich.table import Table
from orchestrator.outcome import Outcome, Problem
from orchestrator.voice import open_streams, speak
open_streams()
table = Table("\u00b1 \u2265 sp\u00e4ti \udcff")
error = Problem("odd", "\u00b1 \udcff") if "error" in sys.argv else None
sys.exit(speak(Outcome("merge", 4, {"name": "sp\u00e4ti"}, table, error), as_json="--json" in sys.argv))
"""


def spoken(*words: str, redirect: str = "", encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, its streams as `redirect` of a shell has them."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {" ".join(words)} {redirect}', sys.executable, SPEAK],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
@pytest.mark.parametrize("words", [(), ("error",), ("--json",)])
def test_a_letter_that_cannot_be_written_costs_nothing_but_itself(encoding: str, words: tuple[str, ...]) -> None:
    done = spoken(*words, encoding=encoding)
    assert done.returncode == 4
    assert b"Traceback" not in done.stderr
    if "--json" in words:
        assert json.loads(done.stdout.decode("ascii"))["result"] == {"name": "späti"}
    else:
        assert b"ti" in done.stdout


@pytest.mark.parametrize("redirect", [">&-", "<&- >&-", pytest.param(">/dev/full", marks=FULL)])
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_result_that_could_not_be_written_is_a_failure_in_one_line(redirect: str, words: tuple[str, ...]) -> None:
    done = spoken(*words, redirect=redirect)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error[output_lost]")
    assert spoken("error", *words, redirect=redirect).returncode == 4, "the error's own code stands"


@pytest.mark.parametrize("redirect", ["2>&-", pytest.param("2>/dev/full", marks=FULL)])
def test_errors_that_nobody_can_read_change_nothing(redirect: str) -> None:
    done = spoken("error", redirect=redirect)
    assert (done.returncode, done.stderr) == (4, b"")
    assert b"ti" in done.stdout
