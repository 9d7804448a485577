"""The parts of `make bench` without load: cold start, merge, plan, the mock server. Each in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
IMPORTS = 9
MERGES = ((1_000_000, 128, 20), (10_000_000, 0, 100))  # requests, tokens each, lanes
PLANS = ((10e6, "mock"), (3e6, "random"), (3e6, "shareGPT"))
MOCK_RATES = (60_000, 100_000)


def cold(repeats: int) -> dict[str, Any]:
    """Import of the function's entry from its package against a yardstick, turn by turn; the package's size."""
    found: dict[str, Any] = _script("cold_start.py", "--rounds", str(max(IMPORTS, repeats)))
    return found


def merge(repeats: int) -> list[dict[str, Any]]:
    return [
        _script("merge_scale.py", "--requests", str(requests), "--tokens", str(tokens), "--lanes", str(lanes))
        for requests, tokens, lanes in MERGES
    ]


def plan(repeats: int) -> list[dict[str, Any]]:
    return [_script("plan_scale.py", "--arrivals", f"{arrivals:g}", "--data", data) for arrivals, data in PLANS]


def mock(repeats: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _script("mockserver_speed.py", "--json", "--rates", *map(str, MOCK_RATES))
    return found


def _script(name: str, *arguments: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(HERE / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=900)
    if done.returncode:
        return {"failed": done.stderr[-1000:], "arguments": arguments}
    print(f"         {done.stdout.strip()[:300]}", flush=True)
    return json.loads(done.stdout)
