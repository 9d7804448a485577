"""The package that is deployed: its version and machine are read from the zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from function.contract.version import code_version
from orchestrator.package.build import own_sources
from orchestrator.provision.packaging import inspect, take_into
from orchestrator.provision.place import Place
from tests.orchestrator.provision.conftest import made_package


def test_the_version_of_our_own_sources_is_this_codes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name, body in own_sources().items():
            archive.writestr(name, body)
        archive.writestr("aiohttp/client.py", b"of somebody else's")
        archive.writestr("function/__pycache__/shard.cpython-313.pyc", b"")
    assert inspect(tmp_path / "p.zip") == (code_version(), None)


@pytest.mark.parametrize(("machine", "name"), [(183, "arm64"), (62, "x86_64"), (243, None), (None, None)])
def test_whom_it_is_for(tmp_path: Path, machine: int | None, name: str | None) -> None:
    assert inspect(made_package(tmp_path / "p.zip", machine))[1] == name


def test_it_is_copied_under_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    given = made_package(tmp_path / "given.zip", 62)
    place = Place("aws", tmp_path / "state")
    taken = take_into(place, given, None)
    assert taken.architecture == "x86_64"
    assert taken.file == f"benchctl-aws-x86_64-{taken.code_version}.zip"
    assert (place.path / taken.file).read_bytes() == given.read_bytes()
    assert take_into(place, place.path / taken.file, "x86_64") == taken  # itself


@pytest.mark.parametrize("body", [None, b"not a zip", "empty"])
def test_what_is_no_package(tmp_path: Path, body: bytes | str | None) -> None:
    path = tmp_path / "p.zip"
    if body == "empty":
        zipfile.ZipFile(path, "w").close()
    elif isinstance(body, bytes):
        path.write_bytes(body)
    with pytest.raises(UsageError) as refused:
        take_into(Place("aws", tmp_path / "state"), path, None)
    assert (refused.value.code, refused.value.path) == ("package", "--package")


def test_one_for_another_machine(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is for arm64, not x86_64"):
        take_into(Place("aws", tmp_path / "state"), made_package(tmp_path / "p.zip"), "x86_64")
