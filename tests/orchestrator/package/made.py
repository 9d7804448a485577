"""Small wheels and binaries made by hand, for tests that pack them."""

from __future__ import annotations

import base64
import hashlib
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

X86_64, AARCH64, ARM = 62, 183, 40


def elf(machine: int, loaded: bytes = b"code", behind: bytes = b"", *, word: int = 2) -> bytes:
    """A 64-bit ELF file (word 1: 32-bit) with one segment that is loaded, and bytes behind it that are not."""
    ident = b"\x7fELF" + bytes([word, 1, 1]) + bytes(9)
    end = 64 + 56 + len(loaded)
    sections = end if behind else 0
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 3, machine, 1, 0, 64, sections, 0, 64, 56, 1, 64, 1, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, end, end, 4096)
    return header + segment + loaded + behind


def wheel(folder: Path, name: str, files: Mapping[str, bytes], tag: str = "py3-none-any") -> Path:
    """NAME-1.0-TAG.whl, as pip takes it."""
    info = f"{name}-1.0.dist-info"
    whole = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_digest(body)},{len(body)}\n" for path, body in whole.items())
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, body in whole.items():
            archive.writestr(member, body)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def locked(path: Path, *wheels: Path) -> Path:
    """A lock with each wheel's hash; wheels of one name share a line."""
    lines: dict[str, str] = {}
    for found in wheels:
        name = found.name.split("-")[0]
        digest = hashlib.sha256(found.read_bytes()).hexdigest()
        lines[name] = lines.get(name, f"{name}==1.0") + f" --hash=sha256:{digest}"
    path.write_text("\n".join(lines.values()) + "\n")
    return path


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
