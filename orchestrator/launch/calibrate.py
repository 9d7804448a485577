"""Measures what one worker of this machine can do: two short runs, as anybody's, against the embedded model server.

The ceiling is where the worker's core would be full, by the processor time its receipt reports; so the model server
need not keep up with it. Both runs together take about half a minute. What is measured is this worker's code on this
processor while nothing else wants it: a run that was found unfit, or that the machine disturbed, is refused or said.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import to_builtins

from function.contract import keys
from function.contract.codec import decode
from function.contract.errors import BenchctlError
from function.contract.receipt import Receipt
from function.contract.version import code_version
from orchestrator.checkup.check import Check
from orchestrator.launch.calibration import Calibration, machine_name, write_calibration
from orchestrator.providers.child import PYTHON, finding_us
from orchestrator.providers.deployment import state_folder

TOKENS = 128
PROMPT = "word " * 64
PATIENCE_S = 60.0
_MEASURED = (0, 3)  # VALID, or DEGRADED: a busy neighbour, not a wrong cost


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that is long enough to be billed by the second, and light enough for the model server."""

    streaming: bool
    rate: float
    seconds: float


STREAMED = Trial(True, 150.0, 9.0)
WHOLE = Trial(False, 600.0, 6.0)


class CalibrationFailed(BenchctlError):
    """A run of it came to nothing."""

    code = "calibration_failed"


def calibration(state: str | None) -> tuple[Check, dict[str, Any]]:
    """Measures, and keeps it where plans look for it: what there is to say, and "calibration" with its "path". Raises
    CalibrationFailed."""
    found, doubts = calibrate()
    try:
        path = write_calibration(found, state_folder(state))
    except OSError as error:
        raise CalibrationFailed(f"it cannot be kept: {error}", path="--state") from error
    what = (
        f"one core is filled by {found.streamed_per_s:,.0f} requests/s streamed with {found.events_per_request} events "
        f"each ({found.events_per_s:,} events/s), or by {found.whole_per_s:,.0f} requests/s not streamed; plans take "
        f"half of it from {path}"
    )
    kept = {"calibration": to_builtins(found) | {"path": str(path)}}
    if not doubts:
        return Check("calibration", "ok", what), kept
    hint = f"the machine was busy meanwhile, so this may be too low: {'; '.join(doubts)}"
    return Check("calibration", "warn", what, hint), kept


def calibrate() -> tuple[Calibration, tuple[str, ...]]:
    """What was measured, and what makes it doubtful. Raises CalibrationFailed."""
    with tempfile.TemporaryDirectory(prefix="benchctl-calibrate-") as scratch:
        streamed_s, doubts = _cost_s(STREAMED, Path(scratch) / "streamed")
        whole_s, more = _cost_s(WHOLE, Path(scratch) / "whole")
    found = Calibration(
        machine=machine_name(),
        code_version=code_version(),
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        whole_per_s=round(1 / whole_s, 1),
        streamed_per_s=round(1 / streamed_s, 1),
        events_per_s=round(TOKENS / streamed_s),
        events_per_request=TOKENS,
    )
    return found, tuple(dict.fromkeys((*doubts, *more)))


def _cost_s(trial: Trial, folder: Path) -> tuple[float, tuple[str, ...]]:
    """Processor time of one request, and what makes it doubtful."""
    folder.mkdir()
    (folder / "prompts.jsonl").write_text(json.dumps({"prompt": PROMPT, "output_tokens": TOKENS}) + "\n")
    (folder / "config.json").write_text(json.dumps(_config(trial)))
    command = [*PYTHON, "orchestrator", "launch", "config.json", "--yes", "--json", "--root", "."]
    try:
        done = subprocess.run(
            command, cwd=folder, env=finding_us(os.environ), capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired as error:
        raise CalibrationFailed(f"a run of {trial.seconds:g} s did not end within {PATIENCE_S:g} s") from error
    if done.returncode not in _MEASURED:
        raise CalibrationFailed(
            f"a run at {trial.rate:g} requests/s ended with exit code {done.returncode}: {_last(done.stderr)}",
            hint="make the machine idle and try again",
        )
    run = folder / "runs" / json.loads(done.stdout)["result"]["run_id"]
    summary = json.loads((run / "report" / "summary.json").read_text())
    return cost_of(_receipt(run), trial), tuple(_doubts(summary))


def cost_of(receipt: Receipt, trial: Trial) -> float:
    """Seconds of processor a request: over the seconds that lie wholly in the load, by what was sent in them, the
    median. Raises CalibrationFailed where there are too few."""
    seconds = receipt.health.seconds if receipt.health is not None else ()
    costs = [
        here.cpu * (after.at_s - here.at_s) / here.sent
        for here, after in pairwise(seconds)
        if here.at_s >= 1.5 and after.at_s <= trial.seconds and here.sent and here.cpu > 0
    ]
    if len(costs) < 2:
        raise CalibrationFailed("the worker's receipt has too few whole seconds of load to tell what a request costs")
    return median(costs)


def _receipt(run: Path) -> Receipt:
    key = keys.receipt(keys.shard_id(0, 0, 0))
    return decode(Receipt, (run / key).read_bytes(), key)


def _config(trial: Trial) -> dict[str, Any]:
    return {
        "api": {"type": "chat", "streaming": trial.streaming},
        "server": {"type": "mock", "mock": {"ttft": "50ms", "itl": "10ms" if trial.streaming else "1ms"}},
        "data": {"type": "file", "path": "prompts.jsonl"},
        "load": {
            "type": "constant",
            "base_seed": 7,
            "request_timeout": "10s",
            "stages": [{"rate": trial.rate, "duration": trial.seconds}],
        },
        "fanout": {"lanes": 1, "lane_ceiling": {"requests_per_s": 1e6, "streams": 10**6}},
    }


def _doubts(summary: dict[str, Any]) -> list[str]:
    return [
        f"{one['code']}: {one['message']}"
        for one in summary["findings"]
        if one["code"] in ("interference", "late_tail", "late_median", "stamps_shared")
    ]


def _last(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
