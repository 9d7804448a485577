"""How large the function's package is, and how long its entry takes to import: most of a cold start.

    python benchmarks/cold_start.py --rounds 9

The package is built for this machine (and, for its size, for the other architecture), unzipped, and run on Python 3.13
without site-packages. Imports are timed in turn with `import aiohttp, aiobotocore.session` from the same folder, each
in a process of its own, so that a ratio stands whatever the machine does. Prints one JSON line: sizes in MB, medians in
ms; `evicted` is the first import after the package's files were dropped from the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.package.build import Package, build_package  # noqa: E402
from orchestrator.package.bytecode import find_python  # noqa: E402
from orchestrator.package.target import HANDLER  # noqa: E402
from tests.emulators.aws.runtime import architecture  # noqa: E402

ENTRY = HANDLER.rpartition(".")[0]
PEER = "aiohttp, aiobotocore.session"
_TIMED = "import time; began = time.perf_counter(); import {}; print((time.perf_counter() - began) * 1e3)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    python = find_python()
    if python is None:
        sys.exit("no Python 3.13 on this machine, which is what the function runs on")
    with tempfile.TemporaryDirectory() as scratch:
        packages = {arch: build_package(arch, Path(scratch)) for arch in ("arm64", "x86_64")}
        task = Path(scratch) / "task"
        with zipfile.ZipFile(packages[architecture()].path) as archive:
            archive.extractall(task)
        print(json.dumps(measured(python, task, options.rounds) | sizes(packages)))


def sizes(packages: dict[str, Package]) -> dict[str, float]:
    found = {}
    for arch, package in packages.items():
        found[f"zip_mb_{arch}"] = round(package.zip_bytes / 1e6, 1)
        found[f"unzipped_mb_{arch}"] = round(package.unzipped_bytes / 1e6, 1)
    return found


def measured(python: Path, task: Path, rounds: int) -> dict[str, float]:
    _evict(task)
    evicted = timed(python, task, ENTRY)
    entry, peer = [], []
    for _ in range(rounds):
        entry.append(timed(python, task, ENTRY))
        peer.append(timed(python, task, PEER))
    ratio = statistics.median(entry) / statistics.median(peer)
    return {
        "entry_import_ms": round(statistics.median(entry), 1),
        "entry_import_evicted_ms": round(evicted, 1),
        "peer_import_ms": round(statistics.median(peer), 1),
        "ratio": round(ratio, 3),
    }


def timed(python: Path, task: Path, modules: str) -> float:
    command = [str(python), "-S", "-c", _TIMED.format(modules)]
    done = subprocess.run(command, cwd=task, env={}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _evict(task: Path) -> None:
    """Drops the package's files from the page cache, as on a host that never ran it."""
    os.sync()
    for path in task.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
