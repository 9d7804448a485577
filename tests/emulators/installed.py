"""Packages the tests need outside their own environment: installed once from a hashed lock into a folder of their own.

A folder on PYTHONPATH is enough for them, so no second environment is made. It lies inside the running environment
(`.venv` for make) and is named by the lock's digest, so that another lock gets another folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
FOLDER = Path(os.environ.get("BENCHCTL_TEST_PACKAGES", Path(sys.prefix) / "test-packages"))
_READY = ".ready"


class NotInstalled(Exception):
    """pip could not put it there; says why."""


def installed(name: str, *options: str) -> Path:
    """The folder with the packages of requirements/<name>.txt. Raises NotInstalled."""
    lock = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + "\0".join(options).encode()).hexdigest()[:12]
    place = FOLDER / f"{name}-{platform.machine()}-{digest}"
    if (place / _READY).exists():
        return place
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{name}.lock", "w") as lockfile:
        fcntl.flock(lockfile, fcntl.LOCK_EX)  # two sessions may set up at once
        if not (place / _READY).exists():
            _install(lock, place, options)
            (place / _READY).touch()
    return place


def _install(lock: Path, place: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--upgrade", "--target", str(place), *options]
    try:
        done = subprocess.run([*command, "-r", str(lock)], capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{lock.name} took pip too long") from error
    if done.returncode:
        raise NotInstalled(f"pip did not install {lock.name}: {done.stderr.strip()[-400:]}")
