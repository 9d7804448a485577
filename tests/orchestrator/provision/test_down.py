"""infra down: home last, with the data or without, and nothing left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control
from function.contract.errors import UsageError
from function.store.opening import open_store
from orchestrator.providers.deployment import read_deployment
from orchestrator.provision import alive as module
from orchestrator.provision.down import Fallen, Unwanted, down
from orchestrator.provision.up import Wanted, up
from tests.orchestrator.provision.conftest import Scene


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the bucket's place."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    monkeypatch.setattr(module, "open_root", lambda uri: open_store(str(folder)))
    return folder


def raise_in(scene: Scene, *regions: str) -> None:
    up(Wanted(provider="aws", state_dir=scene.state, regions=regions, package=scene.package), scene.speech)
    scene.asked.clear()
    scene.log.write_text("")


def fell(scene: Scene, *regions: str, keep_data: bool = False) -> Fallen:
    unwanted = Unwanted(provider="aws", state_dir=scene.state, regions=regions, keep_data=keep_data)
    return down(unwanted, scene.speech)


def put_run(bucket: Path, name: str, state: str = "done") -> None:
    store = open_store(str(bucket)).at(f"{keys.RUNS}{name}")
    store.put(keys.PLAN, b"{}")
    control = Control(state=state, epoch=1, beat=1, writer="w", granted=(), lease_s=30.0)  # type: ignore[arg-type]
    store.put(keys.CONTROL, encode(control))


def test_everything_goes(scene: Scene, bucket: Path) -> None:
    raise_in(scene, "eu-west-1", "us-east-1")
    found = fell(scene)
    assert scene.applied() == ["us-east-1", "eu-west-1", "eu-west-1"]  # home: first what lets the bucket go
    forced = [call for call in scene.calls() if call[1] == "plan" and "-destroy" not in call]
    assert forced == [
        ["eu-west-1", "plan", "-input=false", "-json", "-out=benchctl.tfplan", "-target=aws_s3_bucket.runs",
         "-var=force_destroy=true"]
    ]  # fmt: skip
    assert (found.regions, found.destroyed, found.kept) == (("eu-west-1", "us-east-1"), 3, None)
    assert not scene.state.exists()


def test_what_the_user_put_there_stays(scene: Scene, bucket: Path) -> None:
    own = scene.state / "aws" / "backend.tf"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\n")
    raise_in(scene, "eu-west-1")
    values = scene.state / "aws" / "eu-west-1" / "mine.auto.tfvars"
    values.write_text("\n")
    fell(scene)
    assert sorted(path for path in scene.state.rglob("*") if path.is_file()) == [own, values]


def test_the_question_says_how_much_data_goes(scene: Scene, bucket: Path) -> None:
    put_run(bucket, "one")
    put_run(bucket, "two")
    raise_in(scene, "eu-west-1")
    fell(scene)
    assert scene.asked == ["Destroy these 2 in eu-west-1 of account 000000000000, with 2 runs in the bucket?"]


def test_kept_data_is_let_go_of_untouched(scene: Scene, bucket: Path) -> None:
    put_run(bucket, "one")
    raise_in(scene, "eu-west-1")
    found = fell(scene, keep_data=True)
    assert found.kept == "s3://made-in-eu-west-1"
    assert ["eu-west-1", "state", "rm", "aws_s3_bucket.runs[0]"] in scene.calls()
    assert not any("-target" in word for call in scene.calls() for word in call)
    assert scene.asked == ["Destroy these 1 in eu-west-1 of account 000000000000?"]
    assert found.destroyed == 1


def test_a_no_leaves_everything(scene: Scene, bucket: Path) -> None:
    raise_in(scene, "eu-west-1")
    scene.answers = [False]
    with pytest.raises(UsageError) as refused:
        fell(scene)
    assert refused.value.code == "declined"
    assert scene.applied() == []
    assert read_deployment("aws", scene.state).region_names == ("eu-west-1",)


@pytest.mark.parametrize("state", ["wait", "go"])
def test_refused_while_a_run_is_alive(scene: Scene, bucket: Path, state: str) -> None:
    put_run(bucket, "over")
    put_run(bucket, "alive", state)
    raise_in(scene, "eu-west-1")
    with pytest.raises(UsageError) as refused:
        fell(scene)
    assert (refused.value.code, refused.value.message) == ("runs_active", "running: alive")
    assert "benchctl abort alive" in refused.value.hint
    assert scene.calls() == []


def test_a_run_whose_launch_is_gone_holds_nothing_up(scene: Scene, bucket: Path) -> None:
    put_run(bucket, "dead", "go")
    long_ago = time.time() - 3600
    os.utime(bucket / keys.RUNS / "dead" / keys.CONTROL, (long_ago, long_ago))
    raise_in(scene, "eu-west-1")
    assert fell(scene).destroyed == 2


def test_runs_that_cannot_be_seen_are_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uri: str) -> None:
        raise UsageError("403")

    monkeypatch.setattr(module, "open_root", refuse)
    raise_in(scene, "eu-west-1")
    assert [problem.code for problem in fell(scene).problems] == ["runs_unseen"]
    assert "with all runs in the bucket" in scene.asked[0]


def test_one_of_several_regions(scene: Scene, bucket: Path) -> None:
    raise_in(scene, "eu-west-1", "us-east-1")
    fell(scene, "us-east-1")
    assert read_deployment("aws", scene.state).region_names == ("eu-west-1",)
    assert not (scene.state / "aws" / "us-east-1").exists()
    fell(scene)
    assert not scene.state.exists()


def test_home_goes_last(scene: Scene, bucket: Path) -> None:
    raise_in(scene, "eu-west-1", "us-east-1")
    with pytest.raises(UsageError) as refused:
        fell(scene, "eu-west-1")
    assert refused.value.code == "home_last"
    with pytest.raises(UsageError) as refused:
        fell(scene, "ap-south-1")
    assert refused.value.code == "region_not_provisioned"


def test_where_nothing_is_there_is_nothing_to_take_down(scene: Scene) -> None:
    with pytest.raises(UsageError) as refused:
        fell(scene)
    assert refused.value.code == "not_provisioned"


def test_what_an_up_began_and_did_not_end_goes_too(scene: Scene, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "apply:eu-west-1")
    with pytest.raises(Exception, match="AccessDenied"):
        raise_in(scene, "eu-west-1")
    monkeypatch.delenv("FAKE_FAIL")
    assert fell(scene).destroyed == 0
    assert not scene.state.exists()
