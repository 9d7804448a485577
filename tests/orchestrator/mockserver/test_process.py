"""The process: ready, signals, the lifeline, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mockserver import read_truth
from tests.emulators.mock import ROOT, running_mock
from tests.emulators.plain_client import PlainClient, chat

COMMAND = [sys.executable, "-m", "orchestrator.mockserver"]
SLOW = {"ttft_s": 0.0, "itl_s": 0.01}


def run(*options: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], cwd=ROOT, input=text, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_cleanly(number: signal.Signals) -> None:
    with running_mock(SLOW) as mock, PlainClient(mock.port) as client:
        client.send(chat(10_000), x_request_id="long")
        time.sleep(0.1)
        begun = time.monotonic()
        mock.process.send_signal(number)
        assert mock.process.wait(10) == 0
        assert time.monotonic() - begun < 2.0
        assert not client.read().complete
        record = mock.completions()[0]
    assert (record.id, record.outcome) == ("long", "open")
    assert record.output_tokens > 3


def test_it_runs_in_a_session_of_its_own() -> None:
    with running_mock(log=False) as mock:
        assert os.getsid(mock.process.pid) == mock.process.pid != os.getsid(0)


def test_when_the_lifeline_closes_it_serves_on_for_the_linger_and_ends() -> None:
    with running_mock({"ttft_s": 0.0, "itl_s": 0.02}, linger_s=0.8) as mock, PlainClient(mock.port) as client:
        client.send(chat(15))
        time.sleep(0.05)
        mock.drop_lifeline()
        dropped = time.monotonic()
        assert client.read().complete
        with PlainClient(mock.port) as late:
            assert late.get("/health").status == 200
        assert mock.process.wait(10) == 0
        assert 0.7 < time.monotonic() - dropped < 4.0
        assert [record.outcome for record in mock.completions()] == ["done"]


def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = (
        "import os, subprocess, sys\n"
        "read, write = os.pipe()\n"
        "child = subprocess.Popen([sys.executable, '-m', 'orchestrator.mockserver', '--lifeline-fd', str(read),"
        " '--linger', '0.2'], pass_fds=(read,), stdout=subprocess.PIPE, start_new_session=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", starter], cwd=ROOT, capture_output=True, text=True, timeout=20)
    pid = int(done.stdout)
    end = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_ready_file_holds_the_url_and_the_output_too(tmp_path: Path) -> None:
    ready, log = tmp_path / "ready", tmp_path / "log"
    command = [*COMMAND, "--ready-file", str(ready), "--log", str(log), "--log-bodies", "--config-json", "-"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"ttft_s": 0, "itl_s": 0, "model": "from-stdin"}))
        process.stdin.close()
        url = process.stdout.readline().strip()
        assert ready.read_text().strip() == url
        with PlainClient(int(url.rpartition(":")[2])) as client:
            assert client.get("/v1/models").json()["data"][0]["id"] == "from-stdin"
            body = chat(2)
            client.post(body)
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()
    assert json.loads(read_truth(log)[-1].body or "") == body


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--config-json", "{"), "not JSON"),
        (("--config-json", "[]"), "object"),
        (("--config-json", '{"ttft": 1}'), "ttft_s"),
        (("--log", "/nonexistent/folder/log"), "No such file"),
        (("--host", "192.0.2.1"), "assign requested address"),
    ],
)
def test_what_it_refuses_is_one_line_and_exit_2(options: tuple[str, ...], word: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_listens_on_loopback_unless_told() -> None:
    with running_mock(log=False) as mock:
        assert mock.url.startswith("http://127.0.0.1:")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_log_that_is_not_whole_is_exit_1(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--log", "/dev/full"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with PlainClient(int(process.stdout.readline().rpartition(":")[2])) as client:
        assert client.get("/health").status == 200
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "No space left" in errors


def test_it_imports_nothing_of_the_rest() -> None:
    code = (
        "import sys, json; import orchestrator.mockserver.__main__; rest = ('function', 'orchestrator', 'aiohttp');"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in rest]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20)
    loaded: list[Any] = json.loads(done.stdout)
    assert all(name == "orchestrator" or name.startswith("orchestrator.mockserver") for name in loaded), loaded
