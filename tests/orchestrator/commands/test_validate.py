import json
from pathlib import Path

import pytest

from orchestrator.commands.validate import run
from orchestrator.outcome import OK, USAGE

GOOD = "server: {type: mock}\nload: {type: constant, stages: [{rate: 1, duration: 1s}]}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


def test_valid_with_what_differs(path: Path) -> None:
    path.write_text(GOOD)
    outcome = run(path, env={})
    assert (outcome.exit_code, outcome.error, outcome.result) == (OK, None, {"config": str(path), "valid": True})
    assert [problem.code for problem in outcome.problems] == ["differs"]
    assert outcome.human.startswith(f"{path}: valid, 1 warning\n")


def test_what_is_not_built_is_a_warning_here(path: Path) -> None:
    path.write_text(GOOD.replace("duration: 1s}]", "duration: 1s}], sweep: {type: linear}"))
    outcome = run(path, env={})
    assert outcome.exit_code == OK
    assert [(p.code, p.severity) for p in outcome.problems] == [("not_built", "warning"), ("differs", "warning")]


def test_every_problem_at_once_and_exit_2(path: Path) -> None:
    path.write_text(GOOD + "api: {typ: chat}\nfanout: {lease: 1}\n")
    outcome = run(path, ["load.stages.0.rate=-1"], env={})
    assert outcome.exit_code == USAGE and outcome.result["valid"] is False
    assert outcome.error is not None and outcome.error.code == "config_invalid"
    assert {problem.path for problem in outcome.problems} == {"api.typ", "fanout.lease", "load.stages.0.rate"}
    for problem in outcome.problems:
        assert problem.path in outcome.human and problem.message in outcome.human and problem.hint in outcome.human
    json.dumps([problem.as_dict() for problem in outcome.problems])


def test_one_error_is_the_error(path: Path) -> None:
    path.write_text(GOOD + "api: {typ: chat}\n")
    error = run(path, env={}).error
    assert error is not None and (error.code, error.path) == ("unknown_key", "api.typ")


def test_no_file(path: Path) -> None:
    outcome = run(path)
    assert outcome.exit_code == USAGE and outcome.problems[0].code == "config_not_found"
