"""Which runs are alive, by their control alone; a bucket that cannot be read stops nobody."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control, ControlState
from function.contract.errors import StoreDenied
from function.store.opening import open_store
from orchestrator.provision import alive
from orchestrator.provision.alive import Runs, look_for_runs


def put(root: Path, name: str, state: ControlState | None, age_s: float = 0.0) -> None:
    store = open_store(str(root)).at(f"{keys.RUNS}{name}")
    store.put(keys.PLAN, b"{}")
    if state is not None:
        store.put(keys.CONTROL, encode(Control(state, epoch=1, beat=1, granted=(), lease_s=30.0, writer="w")))
        then = time.time() - age_s
        os.utime(root / keys.RUNS / name / keys.CONTROL, (then, then))


def test_alive_is_not_over_and_heard_of_within_its_lease(tmp_path: Path) -> None:
    put(tmp_path, "going", "go")
    put(tmp_path, "waiting", "wait", age_s=20)
    put(tmp_path, "gone", "go", age_s=40)
    put(tmp_path, "done", "done")
    put(tmp_path, "aborted", "abort")
    put(tmp_path, "planned", None)
    found = look_for_runs(str(tmp_path))
    assert (found.count, found.active) == (6, ("going", "waiting"))
    assert found.words == "6 runs"


def test_a_damaged_control_is_nobodys(tmp_path: Path) -> None:
    put(tmp_path, "odd", "go")
    (tmp_path / keys.RUNS / "odd" / keys.CONTROL).write_text("{")
    assert look_for_runs(str(tmp_path)) == Runs(1)
    assert Runs(1).words == "1 run"


def test_one_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uri: str) -> None:
        raise StoreDenied("403")

    monkeypatch.setattr(alive, "open_root", refuse)
    found = look_for_runs("s3://bucket")
    assert (found.count, found.active, found.why, found.words) == (None, (), "403", "all runs")
