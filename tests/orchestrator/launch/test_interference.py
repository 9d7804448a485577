"""The probe beside the run: it sees a stall, ends with its starter, and never runs on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from orchestrator.launch import interference
from orchestrator.launch.interference import OVERSHOOT_MS, Probe


def test_it_sees_that_it_was_stopped() -> None:
    probe = Probe()
    assert probe._process is not None
    time.sleep(0.3)
    begun = time.time_ns()
    os.kill(probe._process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    os.kill(probe._process.pid, signal.SIGCONT)
    time.sleep(0.1)
    seen = probe.stop()
    stalls = [one for one in seen if one.late_ns >= 150_000_000 and one.at_unix_ns >= begun]
    assert len(stalls) == 1
    assert all(one.late_ns > OVERSHOOT_MS * 1_000_000 for one in seen)


def test_it_is_gone_after_stop_and_stop_may_be_called_again() -> None:
    probe = Probe()
    process = probe._process
    assert process is not None
    probe.stop()
    assert process.returncode == 0
    assert probe.stop() == []


def test_it_ends_when_its_starter_dies() -> None:
    script = (
        "import os; from orchestrator.launch.interference import Probe;"
        "probe = Probe(); print(probe._process.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=_root())
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_imports_next_to_nothing() -> None:
    script = f"import runpy, sys; sys.stdin.close(); runpy.run_path({interference.__file__!r}); print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True)
    assert int(done.stdout) < 120, done.stderr


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _root() -> str:
    return str(interference.__file__).removesuffix("/orchestrator/launch/interference.py")
