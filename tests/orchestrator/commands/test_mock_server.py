"""`mock-server`: options and JSON become one config; what cannot be served is a usage error; Ctrl-C ends it cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from function.contract.errors import UsageError
from orchestrator.commands import mock_server

ROOT = Path(__file__).resolve().parents[3]


def test_options_win_over_json_and_absent_ones_do_not() -> None:
    text = json.dumps({"ttft_s": 1.0, "slots": 2, "faults": {"cut": 0.1, "stall": 0.1}})
    merged = mock_server.merged_settings({"ttft_s": 0.2, "itl_s": None}, {"cut": 0.5}, text)
    assert merged == {"ttft_s": 0.2, "slots": 2, "faults": {"cut": 0.5, "stall": 0.1}}


def refused(**given: Any) -> UsageError:
    with pytest.raises(UsageError) as found:
        settings = mock_server.merged_settings(given.get("settings", {}), {}, given.get("text", "{}"))
        mock_server.run(settings, ("127.0.0.1", given.get("port", 0)), None, False, print)
    return found.value


def test_what_cannot_be_served_is_named() -> None:
    assert refused(text="{").path == "--config-json"
    assert refused(text="[]").code == "mock_config"
    assert "ttft_s" in refused(settings={"ttft_s": -1}).message
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = refused(port=taken.getsockname()[1])
    assert (error.code, error.path) == ("mock_address", "--port")


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_it_says_where_it_serves_and_ends_at_ctrl_c(flag: list[str], tmp_path: Path) -> None:
    command = ["mock-server", "--port", "0", "--ttft", "5ms", "--model", "m", "--log", str(tmp_path / "t.jsonl"), *flag]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        url = (process.stderr if flag else process.stdout).readline().strip()
        with urllib.request.urlopen(f"{url}/v1/models") as answer:
            assert json.load(answer)["data"][0]["id"] == "m"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    if flag:
        assert json.loads(out)["result"] == {"url": url}
