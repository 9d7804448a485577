from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from function.contract.errors import UsageError
from orchestrator.commands.plan import run
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.launch.making import make, read_data, sketch
from orchestrator.launch.prepare import Asked, prepare
from orchestrator.outcome import Outcome
from tests.orchestrator.plan.planned import CONVERSATIONS, TOKENIZER

RESULT = ["run_id", "provider", "seed", "requests", "lanes", "slices", "shards", "workload_hash", "data"]
RESULT += ["peak_concurrency", "quota", "upload_bytes", "control_requests", "cost_usd", "stages", "notes"]
POISSON = {"type": "poisson", "base_seed": 7, "stages": [{"rate": 20, "duration": 4}, {"rate": 5, "duration": 2}]}
RANDOM = {
    "type": "random",
    "input_distribution": {"min": 700, "max": 700, "mean": 700, "std_dev": 0},
    "output_distribution": {"min": 90, "max": 90, "mean": 90, "std_dev": 0},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("plan spoke to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def asked(folder: Path, load: dict[str, Any], *assignments: str, **sections: Any) -> Asked:
    tree = {
        "api": {"type": "completion", "streaming": True},
        "server": {"type": "vllm", "model_name": "m", "base_url": "http://127.0.0.1:9"},
        "data": {"type": "mock"},
        "load": load,
        **sections,
    }
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(tree))
    return Asked(str(path), root=str(folder), assignments=assignments)


def shown(outcome: Outcome) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(outcome.human)
    return captured.get()


def test_the_result_has_the_names_that_scripts_rely_on(tmp_path: Path) -> None:
    outcome = run(asked(tmp_path, POISSON, "fanout.lanes=3", "fanout.slice=4s"))
    result = outcome.result
    assert (outcome.command, outcome.exit_code, list(result)) == ("plan", 0, RESULT)
    assert json.loads(json.dumps(result)) == result
    assert (result["lanes"], result["slices"], result["shards"], result["seed"], result["quota"]) == (3, 2, 6, 7, None)
    assert result["requests"] == sum(stage["requests"] for stage in result["stages"])
    assert [(stage["index"], stage["type"], stage["start_s"], stage["duration_s"]) for stage in result["stages"]] == [
        (0, "poisson", 0.0, 4.0),
        (1, "poisson", 5.0, 2.0),
    ]
    assert result["data"] == {"usable": None, "skipped": []} and result["cost_usd"] == 0.0


def test_plan_shows_what_launch_makes(tmp_path: Path) -> None:
    wanted = asked(tmp_path, POISSON, data={"type": "shareGPT", "path": CONVERSATIONS}, fanout={"lanes": 2})
    result = run(wanted).result
    sketched = sketch(prepare(wanted))
    built = make(sketched, read_data(sketched), "http://elsewhere:1", ("m",))
    assert result["workload_hash"] == built.plan.workload_hash and result["requests"] == built.plan.requests
    assert result["shards"] == len(built.shards) and result["data"]["usable"] == built.plan.data["usable"] == 200
    difference = sum(len(files.spec_bytes) for files in built.shards) - result["upload_bytes"]
    assert abs(difference + sum(len(f.workload_bytes) for f in built.shards) + sum(map(len, built.texts.values()))) < 99


def test_without_the_tokenizer_counts_are_exact_and_sizes_are_open(tmp_path: Path) -> None:
    load = {"stages": [{"rate": 38, "duration": 150, "num_requests": None}], "num_workers": 38, "sweep": None}
    tokenizer = {"pretrained_model_name_or_path": "acme/llama-small"}
    outcome = run(asked(tmp_path, load, data=RANDOM, tokenizer=tokenizer))
    result = outcome.result
    assert (result["requests"], result["stages"][0]["duration_s"], outcome.exit_code) == (5700, 150.0, 0)
    assert result["workload_hash"] is result["upload_bytes"] is result["cost_usd"] is None
    assert any("acme/llama-small is not on this machine" in note for note in result["notes"])


def test_without_the_tokenizer_the_data_is_counted_all_the_same(tmp_path: Path) -> None:
    data = {"type": "shareGPT", "path": CONVERSATIONS}
    result = run(asked(tmp_path, POISSON, data=data, tokenizer={"pretrained_model_name_or_path": "acme/t"})).result
    assert (result["data"]["usable"], result["upload_bytes"]) == (200, None)


def test_with_the_tokenizer_at_hand_everything_is_known(tmp_path: Path) -> None:
    load = {"stages": [{"rate": 5, "duration": 2}]}
    result = run(asked(tmp_path, load, data=RANDOM, tokenizer={"pretrained_model_name_or_path": TOKENIZER})).result
    assert result["upload_bytes"] > 0 and len(result["workload_hash"]) == 64 and result["cost_usd"] == 0.0


def test_a_closed_loop_by_time_plans_no_number(tmp_path: Path) -> None:
    stages = [{"concurrency_level": 2, "num_requests": 6}, {"concurrency_level": 2, "duration": 3}]
    outcome = run(asked(tmp_path, {"type": "concurrent", "stages": stages}))
    assert outcome.result["requests"] is None
    assert [(stage["requests"], stage["start_s"]) for stage in outcome.result["stages"]] == [(6, 0.0), (None, None)]
    assert "as many as fit" in shown(outcome)


def test_a_seed_is_drawn_where_none_is_given_and_shown(tmp_path: Path) -> None:
    load = {"type": "poisson", "stages": [{"rate": 20, "duration": 4}]}
    first, second = (run(asked(tmp_path, load)).result for _ in range(2))
    assert first["seed"] != second["seed"] and first["workload_hash"] != second["workload_hash"]
    again = run(asked(tmp_path, load, f"load.base_seed={first['seed']}")).result
    assert again["workload_hash"] == first["workload_hash"]


def test_people_read_stages_counts_and_notes(tmp_path: Path) -> None:
    outcome = run(asked(tmp_path, {"stages": [{"rate": 1, "rate_end": 25, "duration": 30}]}, "fanout.lanes=7"))
    text = shown(outcome)
    assert "constant 1 -> 25/s" in text and "390" in text and "7 lanes x 1 slice = 7 shards" in text
    assert "note: few requests for a p99 in stage 0 (390)" in text


def test_skipped_entries_are_shown_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(
        '[{"conversations": [{"from": "human", "value": "Hm?"}]}, {"conversations": []}, 3]'
    )
    outcome = run(asked(tmp_path, POISSON, data={"type": "shareGPT", "path": str(tmp_path / "d.json")}))
    assert outcome.result["data"] == {
        "usable": 1,
        "skipped": [{"reason": "malformed", "count": 1}, {"reason": "no_turns", "count": 1}],
    }
    assert "1 usable, skipped: 1 malformed, 1 no_turns" in shown(outcome)


@pytest.mark.parametrize(
    ("sections", "code", "path"),
    [
        ({"budget": {"max_lanes": 1}, "fanout": {"lanes": 2}}, "budget_exceeded", "budget.max_lanes"),
        ({"metrics": {"type": "prometheus", "prometheus": {"url": "http://p"}}}, "not_built", "metrics.type"),
    ],
)
def test_what_launch_would_refuse_is_refused(tmp_path: Path, sections: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        run(asked(tmp_path, POISSON, **sections))
    errors = [problem for problem in refused.value.problems if problem.severity == "error"]
    assert [(problem.code, problem.path) for problem in errors] == [(code, path)] and refused.value.exit_code == 2


def test_a_provider_that_is_not_built_is_refused(tmp_path: Path) -> None:
    wanted = asked(tmp_path, POISSON)
    with pytest.raises(UsageError) as refused:
        run(Asked(wanted.config, provider="gcp", root=wanted.root))
    assert refused.value.code == "not_built"


def test_nothing_is_stored(tmp_path: Path) -> None:
    run(asked(tmp_path, POISSON))
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]
