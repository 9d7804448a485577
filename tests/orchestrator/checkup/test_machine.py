"""What this machine gives a launch, and that a clock far off is a warning."""

from __future__ import annotations

from orchestrator.checkup.machine import clock, machine


def test_every_check_has_a_name_of_its_own_and_words() -> None:
    found = list(machine())
    assert [check.name for check in found] == ["python", "open_files", "cores"]
    assert all(check.what and (check.state == "ok" or check.hint) for check in found)
    assert all(check.state != "fail" for check in found)


def test_a_clock_that_is_proven_to_be_off_is_a_warning() -> None:
    assert clock(0.4, 0.01).state == "ok"
    assert clock(-3.0, 0.5).state == "warn" and "3 s" in clock(-3.0, 0.5).what
