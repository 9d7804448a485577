"""Which package is deployed: one that was built before, or one built now. Reads a zip, and knows no cloud."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from function.contract.errors import UsageError
from orchestrator.package.target import DEFAULT_ARCHITECTURE, HANDLER, TARGETS
from orchestrator.provision.place import Deployed, Place

_PREFIX = "function/"
_MACHINE = slice(18, 20)  # e_machine in an ELF header


def build_into(place: Place, arch: str) -> Deployed:
    """Built from this benchctl's own sources."""
    from orchestrator.package.build import build_package

    made = build_package(arch, place.path)
    return Deployed(file=made.path.name, code_version=made.code_version, architecture=made.architecture)


def take_into(place: Place, path: Path, arch: str | None) -> Deployed:
    """A package from elsewhere, copied. UsageError `package` where it is none, or one for another `arch`."""
    version, found = inspect(path)
    if arch is not None and found is not None and found != arch:
        message = f"{path} is for {found}, not {arch}"
        raise UsageError(message, path="--arch", hint=f"--arch {found}, or another package", code="package")
    architecture = found or arch or DEFAULT_ARCHITECTURE
    name = f"benchctl-aws-{architecture}-{version}.zip"
    place.keep_package(path, name)
    return Deployed(file=name, code_version=version, architecture=architecture)


def inspect(path: Path) -> tuple[str, str | None]:
    """Version of the code inside, as `function.contract.version` computes it, and whom its binaries are for."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            sources = {name: archive.read(name) for name in names if name.startswith(_PREFIX) and name.endswith(".py")}
            binary = next((archive.read(name) for name in names if name.endswith(".so")), None)
    except (OSError, zipfile.BadZipFile) as error:
        message = f"{path} is not a package: {error}"
        raise UsageError(message, path="--package", hint="benchctl package --provider aws", code="package") from error
    if f"{HANDLER.rpartition('.')[0].replace('.', '/')}.py" not in sources:
        message = f"{path} is not a package: it has no {HANDLER}"
        raise UsageError(message, path="--package", hint="benchctl package --provider aws", code="package")
    return _code_version(sources), None if binary is None else _architecture(binary)


def _code_version(sources: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(name.removeprefix(_PREFIX) for name in sources):
        body = sources[_PREFIX + name]
        total.update(f"{name}\0{len(body)}\0".encode())
        total.update(body)
    return total.hexdigest()[:16]


def _architecture(binary: bytes) -> str | None:
    machine = int.from_bytes(binary[_MACHINE], "little")
    return next((name for name, target in TARGETS.items() if target.elf_machine == machine), None)
