"""The package as a whole: from little wheels, and (where pip reaches them) from the real ones."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from function.contract.errors import BenchctlError, UsageError
from function.contract.version import code_version
from orchestrator.package import build, wheels
from orchestrator.package.build import MOST_UNZIPPED_BYTES, build_package, own_sources
from orchestrator.package.bytecode import find_python
from tests.orchestrator.package.made import AARCH64, X86_64, elf, locked, wheel

ROOT = Path(__file__).resolve().parents[3]
OLDEST_SETUPTOOLS = 77


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with one dependency for each machine; the arm64 one of `wrong` is not for arm64."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    made = [
        wheel(shelf, "native", {"native/__init__.py": b"", "native/a.abi3.so": elf(machine)}, f"cp313-cp313-{tag}")
        for machine, tag in ((AARCH64, "manylinux_2_28_aarch64"), (X86_64, "manylinux_2_28_x86_64"))
    ]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setattr(wheels, "LOCK", locked(shelf / "lock.txt", *made))
    return shelf


@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
def test_the_same_inputs_give_the_same_bytes(arch: str, little: Path, tmp_path: Path) -> None:
    one, two = build_package(arch, tmp_path / "one"), build_package(arch, tmp_path / "deep" / "two")
    assert one.sha256 == two.sha256 and one.path.read_bytes() == two.path.read_bytes()
    assert one.path.name == f"benchctl-aws-{arch}-{code_version()}.zip" and one.zip_bytes == one.path.stat().st_size
    with zipfile.ZipFile(one.path) as archive:
        names = archive.namelist()
        assert one.unzipped_bytes == sum(entry.file_size for entry in archive.infolist())
    assert {name for name in names if name.startswith("function/") and name.endswith(".py")} == set(own_sources())
    assert "native/a.abi3.so" in names and not any("dist-info" in name for name in names)
    assert one.compiled is (find_python() is not None)


def test_the_code_version_inside_is_the_checkouts(little: Path, tmp_path: Path) -> None:
    package = build_package("x86_64", tmp_path / "out")
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(tmp_path / "task")
    program = "from function.contract.version import code_version; print(code_version())"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "task", capture_output=True, text=True)
    assert done.stdout.strip() == package.code_version == code_version(), done.stderr


def test_without_that_python_there_is_no_bytecode(
    little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "find_python", lambda: None)
    package = build_package("arm64", tmp_path / "out")
    assert not package.compiled
    with zipfile.ZipFile(package.path) as archive:
        assert not any(name.endswith(".pyc") for name in archive.namelist())


def test_a_foreign_binary_inside_a_wheel_of_the_right_name_is_refused(
    little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = wheel(little, "native", {"native/a.abi3.so": elf(X86_64)}, "cp313-cp313-manylinux_2_28_aarch64")
    monkeypatch.setattr(wheels, "LOCK", locked(little / "lock.txt", wrong))
    with pytest.raises(UsageError) as refused:
        build_package("arm64", tmp_path / "out")
    assert refused.value.code == "foreign_binary" and "native/a.abi3.so is made for x86_64" in refused.value.message
    assert not (tmp_path / "out").exists()


def test_a_package_above_the_bar_is_refused(little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MOST_UNZIPPED_BYTES", 10)
    with pytest.raises(BenchctlError) as refused:
        build_package("arm64", tmp_path / "out")
    assert refused.value.code == "package_size"


def test_a_folder_that_cannot_be_written_is_named(little: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as refused:
        build_package("arm64", tmp_path / "file")
    assert refused.value.code == "package_out" and refused.value.path == "--out"


def test_the_real_package_is_within_the_bar(tmp_path: Path) -> None:
    """For arm64, on whatever this is; this machine's own is built, and run, end to end."""
    try:
        package = build_package("arm64", tmp_path)
    except BenchctlError as error:
        if error.code == "package_wheels":
            pytest.skip(f"pip does not reach the function's dependencies: {error.message[-200:]}")
        raise
    assert package.unzipped_bytes <= MOST_UNZIPPED_BYTES and package.zip_bytes <= 50_000_000


def test_an_installed_benchctl_packages_without_a_checkout(tmp_path: Path) -> None:
    """The wheel of benchctl itself carries the lock and every source that the code version is computed from."""
    if int(version("setuptools").split(".")[0]) < OLDEST_SETUPTOOLS:
        pytest.skip(f"building benchctl needs setuptools {OLDEST_SETUPTOOLS}; here is {version('setuptools')}")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in ("function", "orchestrator"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(tmp_path), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = tmp_path.glob("benchctl-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(io.BytesIO(made.read_bytes())) as archive:
        archive.extractall(installed)
    program = (
        "import json; from orchestrator.package import wheels, build;"
        "from function.contract.version import code_version;"
        "print(json.dumps([str(wheels.LOCK), wheels.LOCK.exists(), code_version(), len(build.own_sources())]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    lock, there, found, sources = json.loads(done.stdout)
    assert lock.startswith(str(installed)) and there and found == code_version() and sources == len(own_sources())
