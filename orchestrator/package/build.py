"""Builds the function's package: our `function/` and its locked dependencies, ready to run where it is deployed.

The same sources, lock and Python give the same bytes. Needs no checkout: the sources are those of the installed
package, which is also what the plan's code version is computed from.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from function.contract import version
from function.contract.errors import BenchctlError, UsageError
from orchestrator.package.archive import write_archive
from orchestrator.package.bytecode import compile_tree, find_python
from orchestrator.package.contents import merged
from orchestrator.package.target import Target, target
from orchestrator.package.wheels import fetch_wheels, wheel_files

MOST_UNZIPPED_BYTES = 90_000_000  # ours; the platform's own limit is 250 MB


@dataclass(frozen=True, slots=True)
class Package:
    """`sha256` in hex; `compiled`: whether bytecode for the function's Python is inside."""

    path: Path
    sha256: str
    code_version: str
    zip_bytes: int
    unzipped_bytes: int
    architecture: str
    compiled: bool


def build_package(arch: str, out: Path) -> Package:
    """Writes `benchctl-aws-<arch>-<code version>.zip` into `out`, which is made if missing.

    Raises UsageError (`unknown_architecture`, `foreign_binary`, `package_out`) and BenchctlError (`package_*`).
    """
    wanted = target(arch)
    python = find_python()
    with tempfile.TemporaryDirectory(prefix="benchctl-package-") as scratch:
        files = _files(wanted, python, Path(scratch))
    unzipped = sum(len(body) for body in files.values())
    if unzipped > MOST_UNZIPPED_BYTES:
        raise BenchctlError(f"the package has {unzipped} bytes, more than {MOST_UNZIPPED_BYTES}", code="package_size")
    path = out / f"benchctl-aws-{arch}-{version.code_version()}.zip"
    try:
        out.mkdir(parents=True, exist_ok=True)
        sha256 = write_archive(files, path)
    except OSError as error:
        raise UsageError(
            f"the package cannot be written: {error}", path="--out", hint="name another folder", code="package_out"
        ) from error
    return Package(path, sha256, version.code_version(), path.stat().st_size, unzipped, arch, python is not None)


def own_sources() -> dict[str, bytes]:
    """Every module of `function`, by its name in the package."""
    root = Path(version.__file__).resolve().parents[1]
    return {f"function/{path.relative_to(root).as_posix()}": path.read_bytes() for path in sorted(root.rglob("*.py"))}


def _files(wanted: Target, python: Path | None, scratch: Path) -> dict[str, bytes]:
    wheels = fetch_wheels(wanted, scratch / "wheels")
    files = merged((wheel_files(wheel) for wheel in wheels), wanted) | own_sources()
    if python is None:
        return files
    tree = scratch / "tree"
    for name, body in files.items():
        if name.endswith(".py"):
            place = tree / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
    compile_tree(python, tree)
    return files | {path.relative_to(tree).as_posix(): path.read_bytes() for path in sorted(tree.rglob("*.pyc"))}
