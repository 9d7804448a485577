"""What stands for Lambda's managed runtime: a Python 3.13 of this machine and AWS' own runtime client beside it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from orchestrator.package.bytecode import find_python
from tests.emulators.installed import NotInstalled, installed

_PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


class RuntimeUnavailable(Exception):
    """No Python 3.13, or no runtime client for it; says which."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """`python` is run without its site-packages; `packages` stands for /var/runtime."""

    python: Path
    packages: Path

    def command(self, handler: str) -> list[str]:
        return [str(self.python), "-S", "-m", "awslambdaric", handler]


def find_runtime() -> Runtime:
    """Raises RuntimeUnavailable."""
    if os.name != "posix" or platform.system() != "Linux":
        raise RuntimeUnavailable("sandboxes are Linux processes")
    python = find_python()
    if python is None:
        raise RuntimeUnavailable("no Python 3.13 on this machine, which is what the function runs on")
    machine = platform.machine()
    options = ["--python-version=3.13", "--implementation=cp", "--abi=cp313", "--abi=abi3", "--abi=none"]
    options += [f"--platform={name}_{machine}" for name in _PLATFORMS]
    try:
        return Runtime(python, installed("awslambdaric", *options))
    except NotInstalled as error:
        raise RuntimeUnavailable(str(error)) from error


def architecture() -> str:
    """In Lambda's word, of this machine: sandboxes run here."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
