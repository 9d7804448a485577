"""Binaries are known by their content, and lose only what is never loaded."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from function.contract.errors import UsageError
from orchestrator.package.elf import check_binary, is_elf, loaded_part
from orchestrator.package.target import target
from tests.orchestrator.package.made import AARCH64, ARM, X86_64, elf

ARM64, INTEL = target("arm64"), target("x86_64")


@pytest.mark.parametrize("name", ["m/a.so", "m/a.cpython-313-x86_64-linux-gnu.so", "m/a.abi3.so", "m/liba.so.1"])
def test_a_binary_of_the_functions_machine_passes(name: str) -> None:
    check_binary(name, elf(X86_64), INTEL)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("m/a.so", elf(AARCH64), "made for arm64"),
        ("m/liba.so.1", elf(AARCH64), "made for arm64"),
        ("m/a.so", elf(ARM), "machine 40"),
        ("m/a.so", elf(X86_64, word=1), "not a 64-bit"),
        ("m/a.so", b"\xcf\xfa\xed\xfe" + bytes(100), "not a Linux binary"),
        ("m/a.so", b"not a binary at all", "not an ELF binary"),
        ("m/a.pyd", b"MZ" + bytes(100), "not a Linux binary"),
        ("m/liba.dylib", b"anything", "not a Linux binary"),
        ("m/tool", elf(AARCH64), "made for arm64"),
        ("m/a.cpython-312-x86_64-linux-gnu.so", elf(X86_64), "another Python"),
        ("m/a.so", b"\x7fELF", "not a 64-bit"),
    ],
)
def test_a_foreign_binary_is_refused_by_name(name: str, body: bytes, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_binary(name, body, INTEL)
    assert refused.value.code == "foreign_binary"
    assert name in refused.value.message and said in refused.value.message


def test_each_machine_refuses_the_others() -> None:
    check_binary("a.so", elf(AARCH64), ARM64)
    with pytest.raises(UsageError):
        check_binary("a.so", elf(X86_64), ARM64)


def test_other_files_are_no_binaries() -> None:
    check_binary("m/a.py", b"import os", INTEL)
    check_binary("m/data.json", b"{}", INTEL)


def test_what_is_never_loaded_is_cut_off_and_no_more() -> None:
    whole, slim = elf(X86_64, b"code" * 10, b"symbols" * 100), loaded_part(elf(X86_64, b"code" * 10, b"symbols" * 100))
    assert len(slim) == 64 + 56 + 40 and slim[64:] == whole[64 : len(slim)]
    assert loaded_part(slim) == slim


@pytest.mark.parametrize("body", [b"\x7fELF", elf(X86_64)[:70], elf(X86_64, word=1), b"\x7fELF" + bytes(200)])
def test_what_is_not_understood_stays_as_it_is(body: bytes) -> None:
    assert loaded_part(body) == body


@pytest.mark.skipif(platform.system() != "Linux", reason="ELF is this system's format on Linux only")
def test_a_real_module_still_loads_when_cut(tmp_path: Path) -> None:
    package = Path(msgspec.__file__).parent
    copied = tmp_path / "msgspec"
    shutil.copytree(package, copied)
    for path in copied.rglob("*.so"):
        assert is_elf(path.read_bytes())
        path.write_bytes(loaded_part(path.read_bytes()))
    program = "import msgspec; assert msgspec.json.decode(b'[1]') == [1]; print(msgspec.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.strip().startswith(str(tmp_path)), done.stderr
