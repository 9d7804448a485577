"""What people see: progress without a terminal, one JSON value with --json, a page that opens offline."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import MEASURED, benchctl, config, environment, launch, write_config
from tests.emulators.mock import RunningMock, running_mock

COMMANDS = (
    *("init", "validate", "plan", "launch", "status", "attach", "abort"),
    *("runs", "merge", "report", "mock-server", "schema"),
)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}) as server:
        yield server


def test_without_a_terminal_progress_is_plain_lines(mock: RunningMock, tmp_path: Path) -> None:
    settings = config(mock.url, [{"rate": 10, "duration": 12}, {"rate": 5, "duration": 4}])
    out, err = tmp_path / "out.log", tmp_path / "err.log"
    begun = time.monotonic()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        command = [sys.executable, "-m", "orchestrator", "launch", write_config(tmp_path, settings)]
        code = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            timeout=120,
        ).returncode
    took = time.monotonic() - begun
    assert code in MEASURED
    printed = err.read_bytes()
    assert b"\r" not in printed
    assert b"\x1b" not in printed
    lines = printed.decode().splitlines()
    assert len([line for line in lines if "stage 0" in line.lower()]) >= 1
    assert len([line for line in lines if "stage 1" in line.lower()]) >= 1
    assert any("sent" in line and "ok" in line and "failed" in line for line in lines)
    assert len(lines) <= took + 5, "at most one line a second"
    report = out.read_text()
    assert any(word in report for word in ("VALID", "DEGRADED"))
    assert "report.html" in report
    assert "\x1b" not in report


def test_json_puts_exactly_one_value_on_stdout(mock: RunningMock, tmp_path: Path) -> None:
    ended = launch(tmp_path, config(mock.url, [{"rate": 10, "duration": 1}]))
    envelope = json.loads(ended.stdout)
    assert set(envelope) == {"schema_version", "command", "exit_code", "result", "error", "problems"}
    assert envelope["exit_code"] == ended.exit_code
    assert {"run_id", "report", "verdict", "ledger"} <= set(envelope["result"])


def test_every_command_explains_itself(tmp_path: Path) -> None:
    top = benchctl(tmp_path, "--help")
    assert top.exit_code == 0
    for command in COMMANDS:
        assert command in top.stdout
        ended = benchctl(tmp_path, command, "--help")
        assert ended.exit_code == 0
        assert len(ended.stdout) > 200, command


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['benchctl', '--help']\n"
        "from orchestrator.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'datasets', 'boto3', 'google.cloud', 'pyarrow', 'scipy', 'numpy', 'tokenizers'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_init_then_validate_then_plan(tmp_path: Path) -> None:
    assert benchctl(tmp_path, "init", "bench").exit_code == 0
    (written,) = list((tmp_path / "bench").glob("*.yaml"))
    assert benchctl(tmp_path, "validate", str(written)).exit_code == 0
    assert benchctl(tmp_path, "plan", str(written)).exit_code == 0


def test_status_and_runs_read_the_store_alone(mock: RunningMock, tmp_path: Path) -> None:
    ended = launch(tmp_path, config(mock.url, [{"rate": 10, "duration": 1}]), "--run-id", "seen")
    assert ended.exit_code in MEASURED
    listed = benchctl(tmp_path, "runs", "--json")
    assert "seen" in listed.stdout
    status = benchctl(tmp_path, "status", "seen", "--json")
    assert status.exit_code == 0
    assert status.result["run_id"] == "seen"
