"""Wheels come by the lock, for the function's platform, whatever this one is; pip's configuration says from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import BenchctlError
from orchestrator.package import wheels
from orchestrator.package.target import target
from orchestrator.package.wheels import fetch_wheels, wheel_files
from tests.orchestrator.package.made import AARCH64, X86_64, elf, locked, wheel

TAGS = {"arm64": "cp313-cp313-manylinux_2_28_aarch64", "x86_64": "cp313-cp313-manylinux_2_28_x86_64"}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place pip may look."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def lock(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [wheel(shelf, "pure", {"pure/__init__.py": b""})]
    for arch, machine in (("arm64", AARCH64), ("x86_64", X86_64)):
        made.append(wheel(shelf, "native", {"native/a.abi3.so": elf(machine)}, TAGS[arch]))
    wheel(shelf, "native", {"native/a.pyd": b"MZ"}, "cp313-cp313-win_amd64")
    monkeypatch.setattr(wheels, "LOCK", locked(shelf / "lock.txt", *made))


@pytest.mark.parametrize("arch", TAGS)
def test_the_functions_wheels_are_chosen(
    arch: str, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(shelf, monkeypatch)
    found = fetch_wheels(target(arch), tmp_path / "got")
    assert [path.name for path in found] == [f"native-1.0-{TAGS[arch]}.whl", "pure-1.0-py3-none-any.whl"]


def test_a_wheel_that_is_not_the_locked_one_is_refused(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(shelf, monkeypatch)
    wheel(shelf, "pure", {"pure/__init__.py": b"import evil"})
    with pytest.raises(BenchctlError) as refused:
        fetch_wheels(target("arm64"), tmp_path / "got")
    assert refused.value.code == "package_wheels" and "pure" in refused.value.message


def test_a_missing_wheel_says_where_pip_may_look(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchctlError) as failed:
        fetch_wheels(target("arm64"), tmp_path / "got")
    assert failed.value.code == "package_wheels" and "PIP_FIND_LINKS" in failed.value.hint


def test_a_wheels_members(tmp_path: Path) -> None:
    found = wheel_files(wheel(tmp_path, "pure", {"pure/__init__.py": b"x = 1"}))
    assert found["pure/__init__.py"] == b"x = 1" and "pure-1.0.dist-info/RECORD" in found


def test_the_lock_ships_with_a_hash_for_everything() -> None:
    lines = wheels.LOCK.read_text().splitlines()
    named = {line.split("==")[0] for line in lines if "==" in line}
    assert {"aiobotocore", "aiohttp", "arro3-core", "arro3-io", "httptools", "msgspec", "uvloop"} <= named
    assert all(line.startswith("    --hash=sha256:") for line in lines if "==" not in line)
    assert not any("://" in line for line in lines)


def test_what_is_deployed_is_what_is_tested() -> None:
    """The function's lock has the versions of the product's own lock."""
    product = (Path(__file__).resolve().parents[3] / "requirements" / "run.txt").read_text()
    tested = {line.split("==")[0]: line.split("==")[1].split()[0] for line in product.splitlines() if "==" in line[:60]}
    deployed = [line.split()[0].split("==") for line in wheels.LOCK.read_text().splitlines() if "==" in line]
    assert [f"{name} {version}" for name, version in deployed if tested.get(name) != version] == []
