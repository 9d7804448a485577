"""`logs`: whose lines are shown, where they come from, and what is said where there are none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.errors import ProviderError, UsageError
from function.contract.observed import End, Observed
from function.contract.plan import Plan, RegionPlan
from function.store.local import LocalStore
from orchestrator.commands import logs
from tests.emulators.played_aws import Call, Reply, played_aws
from tests.orchestrator.commands.stored import make_run

REQUEST = "11111111-2222-3333-4444-555555555555"


def ended(store: LocalStore, **ends: End) -> None:
    named = {name.replace("_", "-").replace("--", "."): end for name, end in ends.items()}
    store.put(keys.ORCHESTRATOR, encode(Observed(1, 2, ends=named)))


def test_a_local_workers_words_lie_beside_the_run(tmp_path: Path) -> None:
    store = make_run(tmp_path, state="abort")
    (tmp_path / "runs/r/logs").mkdir()
    (tmp_path / "runs/r/logs/0-1-0.0.log").write_text("one\ntwo\n")
    ended(store, **{"0_1_0__0": End(1, "one\ntwo", 2)})
    found = logs.run("r", str(tmp_path))
    assert found.result["attempts"] == [{"attempt": "0-1-0.0", "ended": "exit code 1: two", "lines": ["one", "two"]}]
    assert "0-1-0.0  exit code 1: two" in found.human


def test_a_run_in_which_nothing_failed_says_so(tmp_path: Path) -> None:
    make_run(tmp_path)  # still going: a shard without a receipt is no failure yet
    found = logs.run("r", str(tmp_path))
    assert found.result["attempts"] == [] and found.problems[0].code == "nothing_failed"
    one = logs.run("r", str(tmp_path), "0-0-0")
    assert one.result["attempts"] == [{"attempt": "0-0-0.0", "ended": None, "lines": []}] and not one.problems


def test_a_shard_that_is_none_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path)
    with pytest.raises(UsageError) as refused:
        logs.run("r", str(tmp_path), "9-9-9")
    assert (refused.value.code, refused.value.path) == ("shard_unknown", "--shard")


def on_aws(store: LocalStore, *regions: RegionPlan) -> None:
    plan = decode(Plan, store.get(keys.PLAN).body)
    store.put(keys.PLAN, encode(structs.replace(plan, provider="aws", regions=regions, created_unix_ns=time.time_ns())))


def test_a_run_without_a_log_group_is_told(tmp_path: Path) -> None:
    store = make_run(tmp_path, state="abort")
    on_aws(store)
    with pytest.raises(ProviderError) as refused:
        logs.run("r", str(tmp_path))
    assert refused.value.code == "no_logs"


def test_on_aws_lines_are_found_by_request_in_the_lanes_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_run(tmp_path, state="abort", lanes=3)
    on_aws(store, RegionPlan("us-east-1", "f", "", "/one"), RegionPlan("eu-west-1", "g", "", "/two"))
    ended(
        store,
        **{
            "0_1_0__0": End(None, f"Sandbox.Timedout: Task timed out (request {REQUEST})", 2),
            "0_2_0__0": End(None, "not invoked", 2),
        },
    )

    def answer(call: Call) -> Reply:
        pattern = json.loads(call.body)["filterPattern"]
        lines = {
            f'"{REQUEST}"': [f"START RequestId: {REQUEST}", f"REPORT RequestId: {REQUEST}"],
            '"0-2-0.0"': ["other run 0-2-0.0", "r: 0-2-0.0 cannot store"],
        }
        return Reply({"events": [{"message": f"{line}\n"} for line in lines.get(pattern, [])]})

    with played_aws() as played:
        for name, value in played.environment().items():
            monkeypatch.setenv(name, value)
        played.answers["FilterLogEvents"] = answer
        found = logs.run("r", str(tmp_path))
    said = {one["attempt"]: one["lines"] for one in found.result["attempts"]}
    assert said["0-1-0.0"] == [f"START RequestId: {REQUEST}", f"REPORT RequestId: {REQUEST}"]
    assert said["0-2-0.0"] and all("r" in line for line in said["0-2-0.0"])
    groups = {json.loads(call.body)["filterPattern"]: json.loads(call.body)["logGroupName"] for call in played.calls}
    assert groups[f'"{REQUEST}"'] == "/two" and groups['"0-2-0.0"'] == "/one"
