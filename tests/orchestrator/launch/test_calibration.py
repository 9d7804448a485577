from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from function.contract.version import code_version
from orchestrator.launch.calibration import FILE_NAME, Calibration, known_capacity, machine_name, write_calibration
from orchestrator.plan.lane_capacity import ASSUMED

FOUND = Calibration(machine_name(), code_version(), "2026-11-25", 4000.0, 600.0, 76_800.0, 128)


def test_what_was_measured_is_planned_with(tmp_path: Path) -> None:
    path = write_calibration(FOUND, tmp_path / "state")
    capacity = known_capacity(tmp_path / "state")
    assert (capacity.streamed_per_s, capacity.whole_per_s) == (600.0, 4000.0)
    assert str(path) in capacity.source
    assert "2026-11-25" in capacity.source


def test_without_one_it_is_assumed(tmp_path: Path) -> None:
    assert known_capacity(tmp_path / "nowhere") is ASSUMED


@pytest.mark.parametrize(
    ("change", "why"),
    [({"machine": "another, 96 cores"}, "another machine"), ({"code_version": "0"}, "another version")],
)
def test_one_that_does_not_hold_here_is_passed_over_and_said(tmp_path: Path, change: dict[str, str], why: str) -> None:
    write_calibration(msgspec.structs.replace(FOUND, **change), tmp_path)
    capacity = known_capacity(tmp_path)
    assert (capacity.streamed_per_s, capacity.whole_per_s) == (ASSUMED.streamed_per_s, ASSUMED.whole_per_s)
    assert why in capacity.source


def test_a_damaged_one_is_passed_over_and_said(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    assert "cannot be read" in known_capacity(tmp_path).source
