"""What lies in the state folder, and what goes from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.provision.module import module_files
from orchestrator.provision.place import Asked, Deployed, Place

PACKAGE = Deployed(file="p.zip", code_version="0" * 16, architecture="arm64")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("aws", tmp_path / "state")


def test_what_was_asked_is_remembered(place: Place) -> None:
    assert place.asked() is None
    asked = Asked(
        account="1", regions=("a", "b"), package=PACKAGE, variables={"max_lanes": 7, "vpc": None, "name": "bench"}
    )
    place.remember(asked)
    assert place.asked() == asked
    assert asked.name == "bench"
    assert asked.without(frozenset("b")).regions == ("a",)
    assert [path.name for path in place.path.iterdir()] == ["infra.json"]


def test_a_damaged_one_is_refused(place: Place) -> None:
    place.path.mkdir(parents=True)
    (place.path / "infra.json").write_text("{}")
    with pytest.raises(UsageError) as refused:
        place.asked()
    assert (refused.value.code, refused.value.path) == ("state_unusable", "--state")


def test_a_region_is_a_whole_configuration(place: Place) -> None:
    place.path.mkdir(parents=True)
    (place.path / "tags.tf").write_text("# mine")
    folder = place.prepare("eu-west-1", {"max_lanes": 7})
    assert {path.name for path in folder.glob("*.tf")} == {*module_files("aws"), "tags.tf"}
    assert json.loads((folder / "benchctl.auto.tfvars.json").read_text()) == {"max_lanes": 7}
    (place.path / "tags.tf").unlink()
    (folder / "of_an_older_version.tf").write_text("")
    place.prepare("eu-west-1", {})
    assert {path.name for path in folder.glob("*.tf")} == set(module_files("aws"))


def test_a_users_file_wins_over_the_modules(place: Place) -> None:
    place.path.mkdir(parents=True)
    (place.path / "versions.tf").write_text("# mine")
    assert (place.prepare("eu-west-1", {}) / "versions.tf").read_text() == "# mine"


def test_values_can_be_put_back(place: Place) -> None:
    assert place.values("eu-west-1") is None
    place.prepare("eu-west-1", {"max_lanes": 7})
    before = place.values("eu-west-1")
    place.prepare("eu-west-1", {"max_lanes": 9})
    assert before is not None
    place.put_values("eu-west-1", before)
    assert place.values("eu-west-1") == before


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    place = Place("aws", tmp_path / "state")
    for attempt in (
        lambda: place.remember(Asked(account="1", regions=(), package=PACKAGE)),
        lambda: place.prepare("eu-west-1", {}),
        lambda: place.keep_package(tmp_path / "state", "p.zip"),
        place.asked,
    ):
        with pytest.raises(UsageError) as refused:
            attempt()
        assert refused.value.code == "state_unusable"


def test_forgetting_leaves_nothing_of_ours(place: Place) -> None:
    folder = place.prepare("eu-west-1", {})
    (folder / ".terraform" / "providers").mkdir(parents=True)
    for name in (".terraform.lock.hcl", "terraform.tfstate", "terraform.tfstate.backup", "terraform.tfstate.1.backup"):
        (folder / name).write_text("")
    place.remember(Asked(account="1", regions=("eu-west-1",), package=PACKAGE))
    (place.path / "p.zip").write_text("")
    place.forget_region("eu-west-1")
    assert not folder.exists()
    place.forget()
    assert not place.state_dir.exists()
