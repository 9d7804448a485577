"""infra up: what is asked, in which order, what is written down, and what an interrupted one leaves."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from function.contract.errors import ProviderError, UsageError
from orchestrator.providers.deployment import deployment_path, read_deployment
from orchestrator.provision import account
from orchestrator.provision.account import Account, Concurrency
from orchestrator.provision.down import Unwanted, down
from orchestrator.provision.packaging import inspect
from orchestrator.provision.up import Raised, Wanted, up
from tests.orchestrator.provision.conftest import Scene


def wanted(scene: Scene, *regions: str, plan_only: bool = False, variables: tuple[str, ...] = ()) -> Wanted:
    return Wanted(
        provider="aws",
        state_dir=scene.state,
        regions=regions,
        variables=variables,
        package=scene.package,
        plan_only=plan_only,
    )


def raised(scene: Scene, *regions: str, variables: tuple[str, ...] = ()) -> Raised:
    return up(wanted(scene, *regions, variables=variables), scene.speech)


def values(scene: Scene, region: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((scene.state / "aws" / region / "benchctl.auto.tfvars.json").read_text())
    return found


def test_it_plans_shows_asks_applies_and_writes_down(scene: Scene) -> None:
    found = raised(scene, "eu-west-1", variables=("allowed_targets=https://llm.example.com",))
    assert [call[1] for call in scene.calls()] == ["init", "plan", "show", "apply", "output"]
    assert all("-input=false" in call for call in scene.calls() if call[1] in ("init", "plan", "apply"))
    assert "the plan for people" in scene.said
    assert scene.asked == ["Make these changes in eu-west-1 of account 000000000000?"]
    assert [(one.add, one.change, one.remove, one.applied) for one in found.regions] == [(2, 0, 0, True)]
    deployment = read_deployment("aws", scene.state)
    assert deployment == found.deployment
    assert (deployment.root_uri, deployment.home.code_version) == ("s3://made-in-eu-west-1", inspect(scene.package)[0])
    assert deployment.home.allowed_targets == ("https://llm.example.com",)
    assert found.problems == ()
    assert not list(scene.state.rglob("*.tfplan"))


def test_a_no_changes_nothing(scene: Scene) -> None:
    scene.answers = [False]
    with pytest.raises(UsageError) as refused:
        raised(scene, "eu-west-1")
    assert refused.value.code == "declined"
    assert scene.applied() == []
    assert not deployment_path("aws", scene.state).exists()
    assert not (scene.state / "aws" / "infra.json").exists()


def test_a_second_time_there_is_nothing_to_ask(scene: Scene) -> None:
    raised(scene, "eu-west-1")
    found = raised(scene)
    assert len(scene.asked) == 1
    assert [(one.region, one.add) for one in found.regions] == [("eu-west-1", 0)]


def test_other_regions_use_what_home_made(scene: Scene) -> None:
    found = raised(scene, "eu-west-1", "us-east-1", variables=('budget={"monthly_usd": 9, "emails": ["a@b.c"]}',))
    assert scene.applied() == ["eu-west-1", "us-east-1"]
    assert len(scene.asked) == 2
    assert "existing_bucket" not in values(scene, "eu-west-1")
    other = values(scene, "us-east-1")
    assert other["existing_bucket"] == "made-in-eu-west-1"
    assert other["secret_arns"] == ["arn:aws:secretsmanager:eu-west-1"]
    assert (other["budget"], values(scene, "eu-west-1")["budget"]) == (None, {"monthly_usd": 9, "emails": ["a@b.c"]})
    assert found.deployment is not None
    assert found.deployment.region_names == ("eu-west-1", "us-east-1")
    assert found.deployment.root_uri == "s3://made-in-eu-west-1"


def test_what_was_asked_before_stays(scene: Scene) -> None:
    raised(scene, "eu-west-1", variables=("max_lanes=7", "name=bench"))
    raised(scene, "us-east-1", variables=("max_lanes=", "retention_days=7"))
    assert scene.applied() == ["eu-west-1", "eu-west-1", "us-east-1"]
    for region in ("eu-west-1", "us-east-1"):
        assert values(scene, region)["name"] == "bench"
        assert values(scene, region)["retention_days"] == 7
        assert "max_lanes" not in values(scene, region)


def test_planned_only_nothing_is_asked_applied_or_remembered(scene: Scene) -> None:
    found = up(wanted(scene, "eu-west-1", "us-east-1", plan_only=True), scene.speech)
    assert scene.asked == [] and scene.applied() == []
    assert [(one.region, one.add, one.applied) for one in found.regions] == [("eu-west-1", 2, False)]
    assert "not_planned" in [problem.code for problem in found.problems]
    assert found.deployment is None
    assert not (scene.state / "aws" / "infra.json").exists()


def test_planned_only_leaves_the_variables_of_what_stands(scene: Scene) -> None:
    raised(scene, "eu-west-1", variables=("max_lanes=7",))
    up(wanted(scene, plan_only=True, variables=("max_lanes=9",)), scene.speech)
    assert values(scene, "eu-west-1")["max_lanes"] == 7


def test_a_failure_in_the_second_region_leaves_the_first_usable(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "apply:us-east-1")
    with pytest.raises(ProviderError) as failed:
        raised(scene, "eu-west-1", "us-east-1")
    assert failed.value.code == "terraform_failed"
    assert "AccessDenied: not allowed" in failed.value.message
    assert read_deployment("aws", scene.state).region_names == ("eu-west-1",)
    monkeypatch.delenv("FAKE_FAIL")
    raised(scene)
    assert read_deployment("aws", scene.state).region_names == ("eu-west-1", "us-east-1")


def test_the_words_of_a_refused_plan_reach_the_user(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "plan")
    with pytest.raises(ProviderError, match="Invalid value: a list is required"):
        raised(scene, "eu-west-1")


def test_a_fresh_account_reserves_nothing(scene: Scene) -> None:
    scene.limits = Concurrency(10, 10)
    found = raised(
        scene, "eu-west-1", variables=("reserve_concurrency=true", "max_lanes=50", "allowed_targets=https://a")
    )
    assert values(scene, "eu-west-1")["reserve_concurrency"] is False
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("reservation_impossible", "warning")
    assert "100 cannot be reserved" in problem.message and "L-B99A9384" in problem.hint
    scene.limits = Concurrency(1000, 1000)  # the quota was raised: it was asked for, and is done now
    raised(scene)
    assert values(scene, "eu-west-1")["reserve_concurrency"] is True


def test_what_it_has_reserved_itself_does_not_count_against_it(scene: Scene) -> None:
    scene.limits = Concurrency(200, 200)
    raised(scene, "eu-west-1", variables=("reserve_concurrency=true", "max_lanes=50"))
    scene.limits = Concurrency(200, 100)
    raised(scene)
    assert values(scene, "eu-west-1")["reserve_concurrency"] is True


def test_without_targets_it_says_so(scene: Scene) -> None:
    assert [problem.code for problem in raised(scene, "eu-west-1").problems] == ["no_targets"]


def test_without_any_region_it_asks_for_one(scene: Scene) -> None:
    with pytest.raises(UsageError) as refused:
        raised(scene)
    assert (refused.value.code, refused.value.path) == ("region_missing", "--region")


@pytest.mark.parametrize("region", ["../..", "eu-west-1,us-east-1", "EU-WEST-1", ""])
def test_a_region_is_a_name_and_no_path(scene: Scene, region: str) -> None:
    with pytest.raises(UsageError) as refused:
        raised(scene, "eu-west-1", region)
    assert (refused.value.code, refused.value.path) == ("region", "--region")
    assert not scene.state.exists()


def test_credentials_of_another_account(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    raised(scene, "eu-west-1")
    monkeypatch.setattr(account, "whose_account", lambda region: Account("111111111111", "arn"))
    with pytest.raises(UsageError) as refused:
        raised(scene)
    assert refused.value.code == "other_account"
    assert scene.applied() == ["eu-west-1"]
    with pytest.raises(UsageError, match="account 000000000000"):
        down(Unwanted(provider="aws", state_dir=scene.state), scene.speech)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('terraform {\n  backend "s3" {\n    bucket = "b"\n  }\n}\n', ""),
        ('terraform {\n  backend "http" {}\n}\n', "backend"),
    ],
)
def test_a_backend_of_the_users(scene: Scene, body: str, code: str) -> None:
    (scene.state / "aws").mkdir(parents=True)
    (scene.state / "aws" / "backend.tf").write_text(body)
    if code:
        with pytest.raises(UsageError) as refused:
            raised(scene, "eu-west-1")
        assert refused.value.code == code
        return
    raised(scene, "eu-west-1", variables=("name=bench",))
    assert (scene.state / "aws" / "eu-west-1" / "backend.tf").read_text() == body
    assert scene.calls()[0][-1] == "-backend-config=key=benchctl/bench/eu-west-1.tfstate"


def test_an_old_package_goes_when_a_new_one_is_up(scene: Scene) -> None:
    raised(scene, "eu-west-1")
    (scene.state / "aws" / "benchctl-aws-arm64-0000000000000000.zip").write_bytes(b"")
    raised(scene)
    left = [path.name for path in (scene.state / "aws").glob("*.zip")]
    assert left == [f"benchctl-aws-arm64-{inspect(scene.package)[0]}.zip"]


def test_an_interrupt_waits_for_terraform_and_loses_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SLOW", "1")

    def tap() -> None:
        deadline = time.monotonic() + 20
        while not any("Still creating" in line for line in scene.said) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=tap).start()
    with pytest.raises(KeyboardInterrupt):
        raised(scene, "eu-west-1")
    assert any(line.startswith("stopping: terraform") for line in scene.said)
    folder = scene.state / "aws" / "eu-west-1"
    assert json.loads((folder / "terraform.tfstate").read_text()) == [
        "aws_lambda_function.worker"
    ]  # it wrote its state
    assert not (folder / "benchctl.tfplan").exists()
    monkeypatch.delenv("FAKE_SLOW")
    assert [one.add for one in raised(scene).regions] == [1]  # the rest
