"""The door to pip: the function's dependencies as wheels of its platform, whatever this one is.

They come from the lock that ships in this package, every file checked against its hash. How the index is reached, or
that there is none (PIP_NO_INDEX, PIP_FIND_LINKS), is for pip's own configuration to say.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

from function.contract.errors import BenchctlError
from orchestrator.package.target import PYTHON, Target

LOCK = Path(__file__).resolve().parent / "aws.txt"
_PATIENCE_S = 600
_TAIL_LINES = 6


def fetch_wheels(target: Target, into: Path) -> list[Path]:
    """Downloads (or takes from pip's cache) every locked wheel into the folder; sorted by name.

    Raises BenchctlError (`package_wheels`).
    """
    version = "".join(str(part) for part in PYTHON)
    command = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    command += [f"--abi={abi}" for abi in (f"cp{version}", "abi3", "none")]
    command += [f"--platform={platform}" for platform in target.platforms]
    command += ["--dest", str(into), "--requirement", str(LOCK)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(f"pip could not be run: {error}") from error
    if done.returncode:
        raise _failed("pip did not give the function's dependencies: " + _last_words(done.stderr))
    return sorted(into.glob("*.whl"))


def wheel_files(path: Path) -> dict[str, bytes]:
    """Every member of a wheel by its name."""
    with zipfile.ZipFile(path) as wheel:
        return {member.filename: wheel.read(member) for member in wheel.infolist() if not member.is_dir()}


def _pip() -> list[str]:
    """This environment's pip, else the one that Python carries for new environments."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-P", "-m", "pip"]
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is not None and ensurepip.origin is not None:
        bundled = sorted((Path(ensurepip.origin).parent / "_bundled").glob("pip-*.whl"))
        if bundled:
            return [sys.executable, "-P", str(bundled[-1] / "pip")]
    raise _failed("there is no pip beside this Python", f"install it: {sys.executable} -m ensurepip")


def _failed(message: str, hint: str = "") -> BenchctlError:
    hint = hint or "pip needs the package index, or PIP_NO_INDEX=1 and PIP_FIND_LINKS=DIR with the wheels"
    return BenchctlError(message, hint=hint, code="package_wheels")


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_TAIL_LINES:]) or "it gave no reason"
