"""`benchctl package`: the function's package, built on any machine for the platform that will run it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from function.contract.errors import UsageError
from orchestrator.outcome import Outcome, Problem
from orchestrator.package.build import Package, build_package
from orchestrator.package.target import PYTHON

_SLOW_START = "no Python {version} on this machine: the package has no bytecode, and every cold start compiles"


def run(provider: Literal["local", "aws", "gcp"], arch: str, out: Path) -> Outcome:
    """`result`: {"path", "sha256", "code_version", "zip_bytes", "unzipped_bytes", "arch", "compiled"}."""
    if provider != "aws":
        reason = "runs this very code" if provider == "local" else "takes no package of this form yet"
        raise UsageError(f"provider {provider} {reason}", path="--provider", hint="aws", code="no_package")
    package = build_package(arch, out)
    return Outcome("package", result=_result(package), human=_words(package), problems=_problems(package))


def _result(package: Package) -> dict[str, str | int | bool]:
    return {
        "path": str(package.path),
        "sha256": package.sha256,
        "code_version": package.code_version,
        "zip_bytes": package.zip_bytes,
        "unzipped_bytes": package.unzipped_bytes,
        "arch": package.architecture,
        "compiled": package.compiled,
    }


def _words(package: Package) -> str:
    sizes = f"{package.zip_bytes / 1e6:.1f} MB, {package.unzipped_bytes / 1e6:.1f} MB unzipped"
    return f"{package.path}\n{package.architecture}, {sizes}, code {package.code_version}\nsha256 {package.sha256}"


def _problems(package: Package) -> tuple[Problem, ...]:
    if package.compiled:
        return ()
    version = ".".join(str(part) for part in PYTHON)
    hint = f"install Python {version} (uv python install {version}, pyenv, or your system's package) and build again"
    return (Problem("no_bytecode", _SLOW_START.format(version=version), hint=hint, severity="warning"),)
