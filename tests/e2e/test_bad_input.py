"""Bad input: one clear message that names what to change, a stable code, exit 2, nothing sent and nothing lost."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import MEASURED, benchctl, config, launch, write_config
from tests.emulators.mock import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001}) as server:
        yield server


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def good(mock: RunningMock) -> dict[str, Any]:
    return config(mock.url, [{"rate": 5, "duration": 1}])


def unknown_key(c: dict[str, Any]) -> None:
    c["load"]["stages"][0]["durration"] = 3


def wrong_type(c: dict[str, Any]) -> None:
    c["load"]["stages"][0]["rate"] = "fast"


def impossible(c: dict[str, Any]) -> None:
    c["load"] = {"type": "concurrent", "stages": [{"rate": 3, "duration": 2}]}


def missing_file(c: dict[str, Any]) -> None:
    c["data"] = {"type": "shareGPT", "path": "nowhere.json"}


def unreachable(c: dict[str, Any]) -> None:
    c["server"]["base_url"] = f"http://127.0.0.1:{closed_port()}"


def swallowed_section(c: dict[str, Any]) -> None:
    c["api"]["load"] = c["load"]


def short_lease(c: dict[str, Any]) -> None:
    c["fanout"] = {"lease": 2}


def not_built(c: dict[str, Any]) -> None:
    c["data"] = {"type": "cnn_dailymail"}


def over_budget(c: dict[str, Any]) -> None:
    c["budget"] = {"max_requests_per_s": 1}


CASES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (unknown_key, "load.stages.0.durration"),
    (wrong_type, "load.stages.0.rate"),
    (impossible, "load.stages.0"),
    (missing_file, "data.path"),
    (unreachable, "server.base_url"),
    (swallowed_section, "api.load"),
    (short_lease, "fanout.lease"),
    (not_built, "data.type"),
    (over_budget, "budget.max_requests_per_s"),
]


def check_refused(ended: Any, path: str) -> None:
    assert ended.exit_code == 2, ended.stdout + ended.stderr
    envelope = ended.envelope
    assert envelope["exit_code"] == 2
    named = [problem["path"] for problem in envelope["problems"] if problem["severity"] == "error"]
    if envelope["error"]:
        named.append(envelope["error"]["path"])
        assert envelope["error"]["code"]
    assert any(found.startswith(path) for found in named), envelope
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("spoil", "path"), CASES, ids=[spoil.__name__ for spoil, _ in CASES])
def test_one_clear_message_and_nothing_sent(
    mock: RunningMock, tmp_path: Path, spoil: Callable[[dict[str, Any]], None], path: str
) -> None:
    before = len(mock.records())
    settings = copy.deepcopy(good(mock))
    spoil(settings)
    check_refused(launch(tmp_path, settings), path)
    posts = [record for record in mock.records()[before:] if "completions" in record.path]
    assert posts == []


def test_all_problems_at_once(mock: RunningMock, tmp_path: Path) -> None:
    settings = good(mock)
    unknown_key(settings)
    wrong_type(settings)
    missing_file(settings)
    ended = benchctl(tmp_path, "validate", write_config(tmp_path, settings), "--json")
    assert ended.exit_code == 2
    paths = {problem["path"] for problem in ended.envelope["problems"] if problem["severity"] == "error"}
    assert {"load.stages.0.durration", "load.stages.0.rate"} <= paths


def test_an_empty_dataset(mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    settings = good(mock)
    settings["data"] = {"type": "shareGPT", "path": str(tmp_path / "empty.json")}
    check_refused(launch(tmp_path, settings), "data.path")


def test_a_missing_config(tmp_path: Path) -> None:
    ended = benchctl(tmp_path, "launch", "nowhere.yaml", "--json")
    assert ended.exit_code == 2
    assert "nowhere.yaml" in ended.envelope["error"]["message"]


def test_an_unwritable_root(mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = launch(tmp_path, good(mock), "--root", str(tmp_path / "file" / "below"))
    assert ended.exit_code == 2, ended.stderr
    assert ended.envelope["error"]["path"] == "--root"


def test_a_run_id_that_exists_is_refused_and_the_run_kept(mock: RunningMock, tmp_path: Path) -> None:
    first = launch(tmp_path, good(mock), "--run-id", "taken")
    assert first.exit_code in MEASURED, first.stderr
    kept = {path: path.read_bytes() for path in (tmp_path / "runs" / "taken").rglob("*") if path.is_file()}
    second = launch(tmp_path, good(mock), "--run-id", "taken")
    assert second.exit_code == 2
    assert second.envelope["error"]["path"] == "--run-id"
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.parametrize("run_id", ["", "-dash", "a/b", "x" * 49, "späti"])
def test_a_run_id_that_cannot_be_a_folder_is_refused(mock: RunningMock, tmp_path: Path, run_id: str) -> None:
    ended = launch(tmp_path, good(mock), f"--run-id={run_id}")
    assert ended.exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_an_unknown_run(tmp_path: Path) -> None:
    for command in ("status", "attach", "abort", "merge", "report"):
        ended = benchctl(tmp_path, command, "no-such-run", "--json")
        assert ended.exit_code == 2, command
        assert "no-such-run" in ended.envelope["error"]["message"]


def test_usage_errors_keep_the_envelope(tmp_path: Path) -> None:
    ended = benchctl(tmp_path, "launch", "x.yaml", "--no-such-flag", "--json")
    assert ended.exit_code == 2
    assert ended.envelope["command"] == "launch"
