"""infra status: what was written down, and what Terraform would change."""

from __future__ import annotations

import shutil

import pytest

from function.contract.errors import UsageError
from orchestrator.provision.events import Change
from orchestrator.provision.standing import Standing, standing
from orchestrator.provision.up import Wanted, up
from tests.orchestrator.provision.conftest import Scene


@pytest.fixture
def stands(scene: Scene) -> Scene:
    regions = ("eu-west-1", "us-east-1")
    up(Wanted(provider="aws", state_dir=scene.state, regions=regions, package=scene.package), scene.speech)
    scene.log.write_text("")
    return scene


def look(scene: Scene, *regions: str, refresh: bool = False) -> Standing:
    return standing("aws", scene.state, regions, refresh, scene.speech)


def test_where_nothing_is(scene: Scene) -> None:
    assert look(scene) == Standing(None, ())
    assert not scene.state.exists()


def test_what_was_written_down_without_asking_anybody(stands: Scene) -> None:
    found = look(stands)
    assert found.root_uri == "s3://made-in-eu-west-1"
    assert [(one.region, one.deployment is not None, one.differences) for one in found.regions] == [
        ("eu-west-1", True, None),
        ("us-east-1", True, None),
    ]
    assert stands.calls() == []


def test_refreshed_it_is_as_it_was_made(stands: Scene) -> None:
    assert [one.differences for one in look(stands, refresh=True).regions] == [(), ()]
    assert [call[1] for call in stands.calls()] == ["init", "plan", "init", "plan"]
    assert not list(stands.state.rglob("*.tfplan"))


def test_what_was_removed_by_hand_is_a_difference(stands: Scene) -> None:
    (stands.state / "aws" / "us-east-1" / "terraform.tfstate").write_text("[]")
    (found,) = look(stands, "us-east-1", refresh=True).regions
    assert found.differences == (Change("aws_lambda_function.worker", "create"),)


def test_an_up_that_did_not_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "apply:us-east-1")
    with pytest.raises(Exception, match="AccessDenied"):
        up(
            Wanted(provider="aws", state_dir=scene.state, regions=("eu-west-1", "us-east-1"), package=scene.package),
            scene.speech,
        )
    assert [one.deployment is not None for one in look(scene).regions] == [True, False]


def test_a_region_whose_folder_is_gone(stands: Scene) -> None:
    shutil.rmtree(stands.state / "aws" / "us-east-1")
    with pytest.raises(UsageError) as refused:
        look(stands, refresh=True)
    assert refused.value.code == "state_unusable"
