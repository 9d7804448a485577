"""Bytecode is written by the function's own Python, and holds neither times nor paths of this machine."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from function.contract.errors import BenchctlError
from orchestrator.package import bytecode
from orchestrator.package.bytecode import compile_tree, find_python

UNCHECKED_HASH = 0b01


@pytest.fixture
def python() -> Path:
    found = find_python()
    if found is None:
        pytest.skip("no Python 3.13 on this machine, which alone writes the function's bytecode")
    return found


def tree(folder: Path) -> Path:
    (folder / "pack").mkdir(parents=True)
    (folder / "pack" / "__init__.py").write_text("ONE = 'a string' * 3\nclass C:\n    x = frozenset({'q', 'r', 's'})\n")
    (folder / "pack" / "other.py").write_text("from pack import ONE\ndef f():\n    return ONE, __file__\n")
    (folder / "odd.py").write_text("print 'another dialect'\n")
    return folder


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.pyc"))}


def test_the_same_sources_give_the_same_bytes_wherever_they_lie(python: Path, tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one"), tree(tmp_path / "another" / "two")
    for path in two.rglob("*.py"):
        os.utime(path, (1, 1))
    compile_tree(python, one)
    compile_tree(python, two)
    assert written(one) == written(two)
    assert set(written(one)) == {f"pack/__pycache__/{name}.cpython-313.pyc" for name in ("__init__", "other")}
    for body in written(one).values():
        assert struct.unpack_from("<I", body, 4)[0] == UNCHECKED_HASH and str(tmp_path).encode() not in body


def test_it_is_used_and_never_written_again(python: Path, tmp_path: Path) -> None:
    root = tree(tmp_path)
    compile_tree(python, root)
    (root / "pack" / "__init__.py").write_text("raise SystemExit('read from source')\n")
    done = subprocess.run(
        [python, "-S", "-c", "import pack; print(pack.ONE)"], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == "a string" * 3, done.stderr


def test_a_shim_of_that_name_that_is_no_python_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'version 3.13 is not set' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bytecode, "_ELSEWHERE", ())
    monkeypatch.setattr(bytecode, "_TAG", "cpython-313-not-this-one")
    assert find_python() is None


def test_a_python_that_cannot_compile_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(BenchctlError) as failed:
        compile_tree(broken, tmp_path)
    assert failed.value.code == "package_bytecode" and "broken" in failed.value.message
