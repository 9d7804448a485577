"""A stand-in for the `terraform` program: answers as the real one does, from a file, in milliseconds.

What the real one does with the real module is tested in tests/infra and tests/e2e.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("fake_terraform_program.py")


def install(folder: Path) -> Path:
    """Puts it into `folder` as `terraform`; the file that its calls are written to."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "calls.jsonl"
    log.touch()
    program = folder / "terraform"
    words = shlex.join([sys.executable, "-S", str(PROGRAM)])
    program.write_text(f'#!/bin/sh\nFAKE_LOG={shlex.quote(str(log))} exec {words} "$@"\n')
    program.chmod(0o755)
    return log


def path_with(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def calls(log: Path) -> list[list[str]]:
    """[folder, words...] of each call, but for those that ask its version."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return [call for call in found if call[1] != "version"]
