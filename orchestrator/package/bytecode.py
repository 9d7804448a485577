"""Bytecode for the function's Python: without it every cold start compiles, for a function's folder is read-only.

Only the very version that runs the function writes bytecode it can read, so one is looked for on this machine. The
.pyc say that their source is never to be looked at (unchecked-hash): then neither times nor paths are in them.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from function.contract.errors import BenchctlError
from orchestrator.package.target import PYTHON

_NAME = "python" + ".".join(str(part) for part in PYTHON)
_TAG = "cpython-" + "".join(str(part) for part in PYTHON)
_ELSEWHERE = (  # where pyenv, uv, Homebrew and python.org put one without naming it on PATH
    f"~/.pyenv/versions/3.{PYTHON[1]}.*/bin/{_NAME}",
    f"~/.local/share/uv/python/cpython-3.{PYTHON[1]}.*/bin/{_NAME}",
    f"/opt/homebrew/bin/{_NAME}",
    f"/usr/local/bin/{_NAME}",
    f"/Library/Frameworks/Python.framework/Versions/3.{PYTHON[1]}/bin/{_NAME}",
)
_HOME_IN_LAMBDA = "/var/task/"
_PATIENCE_S = 300
# One process and one order: what marshal shares between constants depends on what the process has seen before.
_PROGRAM = """
import importlib.util, pathlib, py_compile, sys
root, home = pathlib.Path(sys.argv[1]), sys.argv[2]
for path in sorted(root.rglob("*.py"), key=lambda found: found.relative_to(root).as_posix()):
    name = path.relative_to(root).as_posix()
    try:
        py_compile.compile(str(path), dfile=home + name, doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError:
        pass  # a dependency's file in another dialect, which nothing imports
"""


def find_python() -> Path | None:
    """A Python of the function's version on this machine; None where there is none."""
    for candidate in _candidates():
        if _is_it(candidate):
            return candidate
    return None


def compile_tree(python: Path, root: Path) -> None:
    """Writes `__pycache__` folders below `root`. Raises BenchctlError (`package_bytecode`)."""
    environment = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    command = [str(python), "-S", "-P", "-W", "ignore", "-c", _PROGRAM, str(root), _HOME_IN_LAMBDA]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchctlError(f"{python} could not be run: {error}", code="package_bytecode") from error
    if done.returncode:
        raise BenchctlError(f"{python} could not compile the package: {done.stderr[-500:]}", code="package_bytecode")


def _candidates() -> Iterator[Path]:
    if sys.version_info[:2] == PYTHON and sys.implementation.cache_tag == _TAG:
        yield Path(sys.executable)
    found = shutil.which(_NAME)
    if found:
        yield Path(found)
    for pattern in _ELSEWHERE:
        yield from (Path(path) for path in sorted(glob.glob(os.path.expanduser(pattern)), reverse=True))


def _is_it(python: Path) -> bool:
    """Asked, for a pyenv shim has the name of every version and the heart of none."""
    program = "import sys; print(sys.implementation.cache_tag)"
    try:
        done = subprocess.run([str(python), "-S", "-c", program], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == _TAG
