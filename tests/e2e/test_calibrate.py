"""`benchctl doctor --calibrate` measures this machine, and plans say that they use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.harness import benchctl, config, read_json, write_config


def test_what_doctor_measures_plan_uses_and_names(tmp_path: Path) -> None:
    measured = benchctl(tmp_path, "doctor", "--calibrate", "--json")
    assert measured.exit_code == 0, measured.stderr
    found = measured.result["calibration"]
    assert read_json(tmp_path / ".benchctl" / "calibration.json")["streamed_per_s"] == found["streamed_per_s"]
    assert found["events_per_s"] == pytest.approx(128 * found["streamed_per_s"], rel=0.01)
    assert found["whole_per_s"] > found["streamed_per_s"] > 20, "an answer of 128 events costs more than a whole one"

    rate = 3 * found["streamed_per_s"]
    path = write_config(tmp_path, config("http://127.0.0.1:9", [{"rate": rate, "duration": 1}]))
    planned = benchctl(tmp_path, "plan", path, "--json")
    assert any("calibration.json" in note for note in planned.result["notes"])
    problems = planned.envelope["problems"]
    assert any("calibration.json" in problem["hint"] for problem in problems if problem["code"] == "lane_ceiling")

    elsewhere = benchctl(tmp_path, "plan", path, "--json", "--state", "other")
    assert not any("calibration.json" in note for note in elsewhere.result["notes"])


def test_only_this_machine_can_be_measured(tmp_path: Path) -> None:
    refused = benchctl(tmp_path, "doctor", "--calibrate", "--provider", "aws", "--json")
    assert refused.exit_code == 2
    assert "fanout.lane_ceiling" in refused.envelope["error"]["hint"]
