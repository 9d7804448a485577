"""`status`: how far a run is, read from its store and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from function.contract import keys
from orchestrator.commands import status
from tests.orchestrator.commands.stored import make_run, report_verdict


def test_a_run_under_way(tmp_path: Path) -> None:
    make_run(tmp_path)
    found = status.run("r", str(tmp_path))
    result = found.result
    assert found.exit_code == 0
    assert (result["run_id"], result["state"], result["beat"], result["granted"]) == ("r", "go", 7, ["0-0"])
    assert (result["sent"], result["planned"], result["in_flight"]) == (10, 10, 2)
    assert result["counts"]["ok"] == 9
    assert result["shards"] == {"complete": 1, "sending": 1}
    assert result["verdict"] is None
    assert [stage["index"] for stage in result["stages"]] == [0]
    assert "r: go, beat 7" in found.human and "1 complete, 1 sending" in found.human
    json.dumps(result)


def test_a_run_whose_launch_is_gone_says_what_to_do(tmp_path: Path) -> None:
    make_run(tmp_path, lease_s=0.0)
    assert "benchctl attach r" in status.run("r", str(tmp_path)).human


def test_a_finished_run_shows_its_verdict(tmp_path: Path) -> None:
    store = make_run(tmp_path, state="done")
    report_verdict(store, "DEGRADED")
    found = status.run(str(tmp_path / "runs" / "r"), "/elsewhere")
    assert found.result["verdict"] == "DEGRADED"
    assert found.human.startswith("r: done, DEGRADED\n")


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    make_run(tmp_path).delete(keys.CONTROL)
    assert status.run("r", str(tmp_path)).result == {"run_id": "r", "state": "planned"}


def test_it_writes_nothing(tmp_path: Path) -> None:
    store = make_run(tmp_path)
    before = {entry.key: entry.version for entry in store.list()}
    status.run("r", str(tmp_path))
    assert {entry.key: entry.version for entry in store.list()} == before
