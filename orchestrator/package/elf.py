"""Binaries by their first bytes: whether one fits the function's machine, and how much of it is ever loaded.

An ELF file's program headers say which bytes a process maps; section headers, symbols for linkers and debugging
information lie behind them and are read by nobody at run time. The header's layout: System V ABI, chapter 4 and 5.
"""

from __future__ import annotations

import struct

from function.contract.errors import UsageError
from orchestrator.package.target import PYTHON, TARGETS, Target

_ELF = b"\x7fELF"
# Mach-O (thin, fat, either byte order) and Windows' executables.
_OTHER_SYSTEMS = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"MZ")
_NAMES_OF_OTHERS = (".pyd", ".dll", ".dylib", ".exe")
_CLASS_64, _LITTLE_ENDIAN = 2, 1
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")


def is_elf(body: bytes) -> bool:
    return body.startswith(_ELF)


def check_binary(name: str, body: bytes, target: Target) -> None:
    """Raises UsageError (`foreign_binary`), naming the file, where it could not be loaded by the function."""
    wrong = _foreign(name, body, target)
    if wrong:
        raise UsageError(
            f"{name} is {wrong}; the function runs on {target.architecture} Linux, Python {_python('.')}",
            path="--arch",
            hint="a wheel of another platform got in: check PIP_FIND_LINKS and pip's configuration",
            code="foreign_binary",
        )


def loaded_part(body: bytes) -> bytes:
    """The ELF file without what no process maps: the same file to a loader, a third of the size for some wheels.

    A file whose headers are not understood is given back as it is.
    """
    if len(body) < _HEADER.size or body[4] != _CLASS_64 or body[5] != _LITTLE_ENDIAN:
        return body
    header = list(_HEADER.unpack_from(body))
    offset, size, count = header[5], header[9], header[10]
    if size != _PROGRAM.size or offset + size * count > len(body):
        return body
    end = offset + size * count
    for index in range(count):
        segment = _PROGRAM.unpack_from(body, offset + index * size)
        end = max(end, segment[2] + segment[5])
    if end >= len(body):
        return body
    header[6] = header[12] = header[13] = 0  # no section headers: where, how many, which names them
    return _HEADER.pack(*header) + body[_HEADER.size : end]


def _foreign(name: str, body: bytes, target: Target) -> str:
    if name.endswith(_NAMES_OF_OTHERS) or body.startswith(_OTHER_SYSTEMS):
        return "not a Linux binary"
    if not is_elf(body):
        return "not an ELF binary" if name.endswith(".so") else ""
    if len(body) < _HEADER.size or body[4] != _CLASS_64 or body[5] != _LITTLE_ENDIAN:
        return "not a 64-bit little-endian binary"
    machine = _HEADER.unpack_from(body)[2]
    if machine != target.elf_machine:
        names = {known.elf_machine: known.architecture for known in TARGETS.values()}
        return f"made for {names.get(machine, f'machine {machine}')}"
    tag = name.rsplit("/", 1)[-1].split(".", 1)[-1]
    if tag.startswith("cpython-") and not tag.startswith(f"cpython-{_python('')}-"):
        return f"made for another Python ({tag.removesuffix('.so')})"
    return ""


def _python(separator: str) -> str:
    return separator.join(str(part) for part in PYTHON)
