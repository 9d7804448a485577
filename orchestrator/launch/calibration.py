"""What one worker of this machine can do, kept between runs: `calibration.json` in the state folder (`.benchctl`).

`benchctl doctor --calibrate` writes it, `plan` and `launch` read it for `fanout.lane_ceiling: auto`. It holds for the
processor and the worker's code that it was measured with, and is passed over with any other.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec

from function.contract.codec import decode, encode
from function.contract.errors import ContractError
from function.contract.version import code_version
from orchestrator.plan.lane_capacity import ASSUMED, LaneCapacity

FILE_NAME = "calibration.json"
_NOT = "benchctl doctor --calibrate measures it again"


class Calibration(msgspec.Struct, frozen=True):
    """Rates at which one core would be full: whole answers, answers streamed with `events_per_request` events, and
    those events. `day`: UTC."""

    machine: str
    code_version: str
    day: str
    whole_per_s: float
    streamed_per_s: float
    events_per_s: float
    events_per_request: int
    schema_version: int = 1


def machine_name() -> str:
    """The processor and how many cores of it this process may use."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{model}, {cores} cores"


def write_calibration(found: Calibration, state: Path) -> Path:
    """Raises OSError where the folder cannot be written."""
    state.mkdir(parents=True, exist_ok=True)
    path = state / FILE_NAME
    partial = path.with_name(FILE_NAME + ".partial")
    partial.write_bytes(encode(found))
    partial.replace(path)
    return path


def known_capacity(state: Path) -> LaneCapacity:
    """What was measured, as far as it still holds; else what is assumed, and why."""
    path = state / FILE_NAME
    try:
        found = decode(Calibration, path.read_bytes(), str(path))
    except FileNotFoundError:
        return ASSUMED
    except (OSError, ContractError):
        return _assumed(f"{path} cannot be read: {_NOT}")
    if found.machine != machine_name():
        return _assumed(f"{path} is of another machine: {_NOT}")
    if found.code_version != code_version():
        return _assumed(f"{path} is of another version of the worker: {_NOT}")
    source = f"half of what filled a core here on {found.day} ({path})"
    return LaneCapacity(found.streamed_per_s, found.whole_per_s, source)


def _assumed(why: str) -> LaneCapacity:
    return LaneCapacity(ASSUMED.streamed_per_s, ASSUMED.whole_per_s, f"assumed; {why}")
