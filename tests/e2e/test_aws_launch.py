"""`--provider aws` from the command line, with AWS played and this code's own workers behind it.

The emulated cloud has tests of its own; here it is the orchestrator that is looked at: what it asks before, what it
makes of events that are refused, lost or delivered twice, of failures in the queue, and that nothing is sent twice.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import (
    REPOSITORY,
    Ended,
    assert_all_balance,
    benchctl,
    config,
    environment,
    finish,
    killed_at_end,
    read_json,
    start,
    wait_for,
    write_config,
)
from tests.e2e.served import served
from tests.emulators.mock import RunningMock, running_mock
from tests.emulators.played_aws import Reply
from tests.emulators.played_lambda import PlayedLambda, played_lambda, provision, seen_by_worker

RATE, SLICE_S, SLICES = 20, 5, 2
FANOUT = {"lanes": 2, "slice": SLICE_S, "lead": "7s", "drain": "3s", "start_delay": "1s", "lease": "10s", "flush": "1s"}


@dataclass
class Scene:
    root: Path
    mock: RunningMock
    cloud: PlayedLambda

    @property
    def state(self) -> Path:
        return self.root / "state"

    def settings(self, seconds: float = SLICE_S * SLICES, **fanout: Any) -> dict[str, Any]:
        made = config(self.mock.url, [{"rate": RATE, "duration": seconds}])
        made["load"]["request_timeout"] = "3s"
        made["fanout"] = {**FANOUT, **fanout}
        return made

    def arguments(self, *more: str, settings: dict[str, Any] | None = None) -> list[str]:
        path = write_config(self.root, settings or self.settings())
        return [
            "launch",
            path,
            "--provider",
            "aws",
            "--json",
            "--root",
            str(self.root),
            "--state",
            str(self.state),
            *more,
        ]

    def launch(self, *more: str, settings: dict[str, Any] | None = None) -> Ended:
        arguments = self.arguments("--run-id", "r", *more, settings=settings)
        return benchctl(self.root, *arguments, env=self.cloud.aws.environment())

    def sent_once(self, planned: int = RATE * SLICE_S * SLICES) -> None:
        """Law 2, and nothing missing."""
        assert sorted(one.k for one in served(self.mock, "r")) == list(range(planned))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}) as mock:
        with played_lambda(environment(), REPOSITORY) as cloud:
            cloud.probe = seen_by_worker()
            made = Scene(tmp_path, mock, cloud)
            provision(made.state, str(tmp_path), mock.url)
            cloud.root_uri = str(tmp_path)
            yield made


def test_a_run_of_two_slices_in_two_regions(scene: Scene) -> None:
    scene.cloud.troubles.throttled = 3
    scene.cloud.troubles.doubled = {"0-0-0", "0-1-1"}
    ended = scene.launch("--yes", settings=scene.settings(regions=["us-east-1", "eu-west-1"]))
    assert ended.exit_code in (0, 3), ended.stdout + ended.stderr
    summary, rows = ended.summary(), ended.requests()
    assert_all_balance(summary)
    assert summary["ledger"]["ok"] == RATE * SLICE_S * SLICES, summary["findings"]
    scene.sent_once()
    assert set(zip(rows["lane"], rows["region"])) == {(0, "us-east-1"), (1, "eu-west-1")}
    assert [(one["region"], one["lanes"], one["ledger"]["ok"]) for one in summary["regions"]] == [
        ("us-east-1", 1, 100),
        ("eu-west-1", 1, 100),
    ]
    assert summary["cost"]["estimate_usd"] > 0
    plan = read_json(ended.run_folder() / "plan.json")
    assert [region["region"] for region in plan["regions"]] == ["us-east-1", "eu-west-1"]
    spec = read_json(ended.run_folder() / "shards" / "0-0-0" / "spec.json")
    assert spec["target"]["allowed"] == [scene.mock.url.removeprefix("http://")]


def test_lost_and_unborn_invocations_are_started_again_before_go(scene: Scene) -> None:
    scene.cloud.troubles.lost = {"0-0-0"}
    scene.cloud.troubles.unborn = {"0-1-0"}
    ended = scene.launch("--yes", settings=scene.settings(SLICE_S, ready={"timeout": "12s"}))
    assert ended.exit_code in (0, 3), ended.stdout + ended.stderr
    assert ended.summary()["ledger"]["ok"] == RATE * SLICE_S
    scene.sent_once(RATE * SLICE_S)
    assert {(event["shard"], event["attempt"]) for event in scene.cloud.events} == {
        ("0-0-0", 0),
        ("0-0-0", 1),
        ("0-1-0", 0),
        ("0-1-0", 1),
    }
    assert scene.cloud.failures == [], "what was recorded is removed from the queue"


def test_a_worker_that_the_platform_ends_is_in_the_report_with_its_reason(scene: Scene) -> None:
    scene.cloud.troubles.killed = {"0-1-0": 8.0}
    ended = scene.launch("--yes", settings=scene.settings(8, slice="8s"))
    assert ended.exit_code in (3, 4), ended.stdout + ended.stderr
    summary = ended.summary()
    assert_all_balance(summary)
    hurt = next(shard for shard in summary["shards"] if shard["shard"] == "0-1-0")
    assert hurt["state"] in ("partial", "missing") and "Sandbox.Timedout" in hurt["ended"]
    ends = read_json(ended.run_folder() / "orchestrator.json")["ends"]
    assert "timed out after 8.00 seconds" in ends["0-1-0.0"]["detail"]
    assert scene.cloud.failures == []


def test_an_orchestrator_that_dies_is_followed_by_another(scene: Scene) -> None:
    env = scene.cloud.aws.environment()
    arguments = scene.arguments("--run-id", "r", "--yes", settings=scene.settings(20, slice="20s", lease="30s"))
    with killed_at_end(start(scene.root, *arguments, env=env)) as process:
        wait_for(lambda: (scene.root / "runs" / "r" / "go" / "0-0.json").exists(), 60, "go")
        time.sleep(1.0)
        process.send_signal(signal.SIGKILL)
        finish(process, scene.root)
        attached = benchctl(scene.root, "attach", "r", "--root", str(scene.root), "--json", env=env)
    assert attached.exit_code in (0, 3), attached.stderr
    assert attached.summary()["ledger"]["ok"] == RATE * 20
    scene.sent_once(RATE * 20)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("code", "code_mismatch"),
        ("target", "target_refused"),
        ("lanes", "max_lanes"),
        ("quota", "quota"),
        ("secret", "secret_unreadable"),
        ("key", "key_refused"),
        ("cost", "cost_unconfirmed"),
        ("budget", "budget_exceeded"),
        ("rate", "cap_exceeded"),
        ("root", "root_elsewhere"),
    ],
)
def test_what_does_not_hold_is_refused_before_anything_is_made(scene: Scene, what: str, code: str) -> None:
    settings, more = scene.settings(), ["--yes"]
    if what == "code":
        provision(scene.state, str(scene.root), scene.mock.url, code_version="0" * 16)
    elif what == "target":
        provision(scene.state, str(scene.root), "https://elsewhere.example:443")
    elif what == "lanes":
        provision(scene.state, str(scene.root), scene.mock.url, lanes=1)
    elif what == "quota":
        few = {"AccountLimit": {"ConcurrentExecutions": 3, "UnreservedConcurrentExecutions": 3}}
        scene.cloud.aws.script("GET /2016-08-19/account-settings", Reply(few))
    elif what == "secret":
        settings["server"]["api_key"] = {"aws_secret": "arn:x"}
        scene.cloud.probe = seen_by_worker(
            secrets=[{"source": "aws_secret", "name": "arn:x", "readable": False, "code": "AccessDenied"}]
        )
    elif what == "key":
        scene.cloud.probe = seen_by_worker({"http_status": 401})
    elif what == "rate":
        scene.cloud.probe["guard"]["max_requests_per_s"] = RATE - 1
    elif what == "root":
        scene.cloud.root_uri = "s3://elsewhere"
    elif what == "cost":
        more = []
    else:
        settings["budget"] = {"max_usd": 0.0000001}
    ended = scene.launch(*more, settings=settings)
    assert ended.exit_code == 2
    error = ended.envelope["error"]
    assert code in {error["code"], *(one["code"] for one in ended.envelope["problems"])}, ended.envelope
    if what == "cost":
        assert "USD" in error["message"] and error["path"] == "--yes"
    if what == "quota":
        assert "1 lanes fit" in error["message"] and "L-B99A9384" in error["hint"]
    assert not (scene.root / "runs").exists() and scene.cloud.events == []
    assert served(scene.mock, "r") == []


def test_plan_shows_quota_and_cost_and_starts_nothing(scene: Scene) -> None:
    path = write_config(scene.root, scene.settings())
    ended = benchctl(
        scene.root, "plan", path, "--provider", "aws", "--json", "--state", str(scene.state),
        env=scene.cloud.aws.environment(),
    )  # fmt: skip
    assert ended.exit_code == 0, ended.stdout
    result = ended.result
    assert (result["lanes"], result["slices"], result["peak_concurrency"]) == (2, 2, 4)
    assert (
        result["quota"]["fits"] and result["quota"]["needed"] == 4 and result["quota"]["regions"][0]["account"] == 1000
    )
    assert 0 < result["cost_usd"] < 0.1 and any(note.startswith("cost: ") for note in result["notes"])
    assert scene.cloud.aws.named("Invoke") == []


def test_plan_without_anything_provisioned_assumes_the_defaults(scene: Scene) -> None:
    path = write_config(scene.root, scene.settings())
    ended = benchctl(scene.root, "plan", path, "--provider", "aws", "--json", "--state", str(scene.root / "none"))
    assert (ended.exit_code, ended.result["quota"]) == (0, None)
    assert any("nothing is provisioned" in note for note in ended.result["notes"])


def test_doctor_finds_everything_in_order_and_then_what_is_not(scene: Scene) -> None:
    path = write_config(scene.root, scene.settings())
    words = ["doctor", path, "--provider", "aws", "--json", "--state", str(scene.state), "--root", str(scene.root)]
    env = scene.cloud.aws.environment()
    fine = benchctl(scene.root, *words, env=env)
    states = {check["name"]: check["state"] for check in fine.result["checks"]}
    assert fine.exit_code == 0, fine.stdout
    assert {name for name, state in states.items() if state == "ok"} >= {
        "identity", "allowed", "function", "code", "retries", "failure_queue", "quota", "worker", "worker_clock",
        "target", "store", "clock", "python",
    }  # fmt: skip
    scene.cloud.probe = seen_by_worker({"connected": False, "kind": "connect"})
    broken = benchctl(scene.root, *words, env=env)
    assert broken.exit_code == 2
    assert [check["name"] for check in broken.result["checks"] if check["state"] == "fail"] == ["target"]


def test_nothing_provisioned_is_said_first(scene: Scene) -> None:
    arguments = scene.arguments("--yes")
    arguments[arguments.index("--state") + 1] = str(scene.root / "none")
    ended = benchctl(scene.root, *arguments)
    assert (ended.exit_code, ended.envelope["error"]["code"]) == (2, "not_provisioned")
    assert "infra up" in ended.envelope["error"]["hint"]
