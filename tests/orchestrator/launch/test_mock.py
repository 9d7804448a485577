"""The embedded server of a run: it serves, says why it cannot, and never outlives its use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from orchestrator.config.loading import load_config
from orchestrator.launch import mock as module
from orchestrator.launch.mock import EmbeddedMock, MockFailed, mock_settings


def settings(text: str) -> dict[str, object]:
    load = "load: {type: constant, stages: [{rate: 1, duration: 1}]}\ndata: {type: mock}\n"
    return mock_settings(load_config(f"{load}server: {text}\n").config.server)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_gone(pid: int, seconds: float) -> float:
    begun = time.monotonic()
    while alive(pid):
        assert time.monotonic() - begun < seconds, "it lives on"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_it_serves_and_is_gone_afterwards() -> None:
    with EmbeddedMock({"model": "m", "ttft_s": 0.01}, 5.0) as mock:
        with urllib.request.urlopen(f"{mock.url()}/v1/models") as answer:
            assert json.load(answer)["data"][0]["id"] == "m"
        assert mock.url() == mock.url()
        pid = mock._process.pid
        assert os.getsid(pid) == pid
    assert not alive(pid)


def test_what_it_cannot_do_is_said() -> None:
    with pytest.raises(MockFailed, match="ttft_s"), EmbeddedMock({"ttft_s": -1}, 1.0) as mock:
        mock.url()


def test_a_server_that_never_is_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_S", 0.2)
    monkeypatch.setattr(module, "STOP_S", 0.1)
    monkeypatch.setattr(module, "PYTHON", (sys.executable, "-c", "import time; time.sleep(30)"))
    with pytest.raises(MockFailed, match="not ready within"), EmbeddedMock({}, 1.0) as mock:
        mock.url()
    assert not alive(mock._process.pid)


def test_it_serves_on_for_a_while_when_its_starter_is_killed() -> None:
    script = (
        "import time; from orchestrator.launch.mock import EmbeddedMock; m = EmbeddedMock({}, 1.0);"
        "print(m.url(), m._process.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
    assert starter.stdout is not None
    url, pid = starter.stdout.readline().split()
    starter.kill()
    starter.communicate()
    with urllib.request.urlopen(f"{url}/v1/models") as answer:
        assert answer.status == 200
    until_gone(int(pid), 8.0)


def test_left_alone_it_is_not_ended_here() -> None:
    with EmbeddedMock({}, 60.0) as mock:
        mock.url()
        mock.leave()
    pid = mock._process.pid
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    mock._process.wait()


def test_config_in_its_own_words() -> None:
    assert settings("{type: mock}") == {}
    made = settings("{type: mock, model_name: m, mock: {ttft: 20ms, itl: 5ms, slots: 3, faults: {http_500: 0.5}}}")
    assert made["model"] == "m"
    assert (made["ttft_s"], made["itl_s"], made["slots"]) == (0.02, 0.005, 3)
    assert made["faults"]["http_500"] == 0.5  # type: ignore[index]
