"""`abort`: puts abort, makes sure that it stays, and says who has not stopped."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.errors import UsageError
from function.contract.plan import Plan, RegionPlan
from orchestrator.commands import abort
from orchestrator.launch.abort import read_control
from tests.emulators.played_aws import Reply, played_aws
from tests.orchestrator.commands.stored import make_run
from tests.orchestrator.launch.crew import make_receipt


def test_it_is_there_and_the_silent_are_told_apart(tmp_path: Path) -> None:
    store = make_run(tmp_path, beat_s=0.1)
    found = abort.run("r", str(tmp_path))
    control = read_control(store)
    assert (control.state, control.reason, control.beat, control.granted) == ("abort", "user", 8, ("0-0",))
    assert found.exit_code == 0
    assert found.result == {"run_id": "r", "state": "abort", "reason": "user", "undone": 0, "open_shards": ["0-1-0"]}
    assert "not yet heard of: 0-1-0" in found.human


def test_it_returns_as_soon_as_all_have_stopped(tmp_path: Path) -> None:
    store = make_run(tmp_path, beat_s=20.0)
    late = threading.Timer(0.4, lambda: store.put(keys.receipt("0-1-0"), encode(make_receipt("0-1-0", 0, "abort"))))
    late.start()
    begun = time.monotonic()
    found = abort.run("r", str(tmp_path))
    assert time.monotonic() - begun < 5
    assert found.result["open_shards"] == []
    assert "every shard has stopped" in found.human


def test_an_abort_that_is_undone_is_put_again(tmp_path: Path) -> None:
    store = make_run(tmp_path, beat_s=0.4)
    before = read_control(store)

    def undo() -> None:
        while read_control(store).state != "abort":
            time.sleep(0.01)
        store.put(keys.CONTROL, encode(structs.replace(before, beat=before.beat + 1)))

    writer = threading.Thread(target=undo)
    writer.start()
    found = abort.run("r", str(tmp_path))
    writer.join()
    assert found.result["undone"] == 1
    assert read_control(store).state == "abort"


def test_a_run_that_is_over_stays_as_it_is(tmp_path: Path) -> None:
    store = make_run(tmp_path, state="done")
    found = abort.run("r", str(tmp_path))
    assert (found.exit_code, found.result["state"]) == (0, "done")
    assert read_control(store).state == "done"


def test_a_second_abort_changes_nothing(tmp_path: Path) -> None:
    store = make_run(tmp_path, beat_s=0.05)
    abort.run("r", str(tmp_path))
    before = store.get(keys.CONTROL)
    assert abort.run("r", str(tmp_path)).result["state"] == "abort"
    assert store.get(keys.CONTROL) == before


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    make_run(tmp_path).delete(keys.CONTROL)
    with pytest.raises(UsageError) as refused:
        abort.run("r", str(tmp_path))
    assert refused.value.code == "run_not_started"


def test_stopping_the_function_is_for_aws_and_asked_before_anything_is_put(tmp_path: Path) -> None:
    store = make_run(tmp_path)
    with pytest.raises(UsageError) as refused:
        abort.run("r", str(tmp_path), stop_function=True)
    assert (refused.value.code, refused.value.path) == ("no_function", "--stop-function")
    assert read_control(store).state == "go"


def test_a_stopped_function_is_stopped_in_every_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_run(tmp_path, beat_s=0.05)
    regions = tuple(
        RegionPlan(name, f"arn:aws:lambda:{name}:1:function:bench:live") for name in ("us-east-1", "eu-west-1")
    )
    plan = decode(Plan, store.get(keys.PLAN).body)
    store.put(keys.PLAN, encode(structs.replace(plan, provider="aws", regions=regions)))
    with played_aws() as played:
        for name, value in played.environment().items():
            monkeypatch.setenv(name, value)
        played.script("PUT /2017-10-31/functions/bench/concurrency", Reply({"ReservedConcurrentExecutions": 0}))
        found = abort.run("r", str(tmp_path), stop_function=True)
    assert found.result["stopped_functions"] == ["bench", "bench"] and len(played.calls) == 2
    assert read_control(store).state == "abort" and "infra up" in found.human
