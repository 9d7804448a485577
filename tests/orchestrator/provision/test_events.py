"""Terraform's machine-readable lines, as the real one (1.11) prints them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.provision.events import Change, gather, parse, progress

CHANGE = {
    "@level": "info",
    "@message": "aws_s3_bucket.runs[0]: Plan to create",
    "@module": "terraform.ui",
    "change": {"resource": {"addr": "aws_s3_bucket.runs[0]", "resource_key": 0}, "action": "create"},
    "type": "planned_change",
}
ERROR = {
    "@level": "error",
    "@message": "Error: Invalid value for variable",
    "diagnostic": {
        "severity": "error",
        "summary": "Invalid value for variable",
        "detail": "max_lanes: a whole number\nfrom 1 to 5000.",
        "address": "var.max_lanes",
    },
    "type": "diagnostic",
}


def test_changes_and_errors_are_gathered() -> None:
    warning = {
        "type": "diagnostic",
        "diagnostic": {"severity": "warning", "summary": "Resource targeting", "detail": ""},
    }
    drift = {**CHANGE, "type": "resource_drift"}
    said = gather([parse(json.dumps(line)) for line in (CHANGE, ERROR, warning, drift, {"type": "version"})])
    assert said.changes == (Change("aws_s3_bucket.runs[0]", "create"),)
    assert (said.count("create", "update"), said.count("delete")) == (1, 0)
    (error,) = said.errors
    words = "var.max_lanes: Invalid value for variable: max_lanes: a whole number from 1 to 5000."
    assert error.words() == words
    assert [found.words() for found in said.diagnostics][1] == "Resource targeting"


def test_progress_is_what_changes_something() -> None:
    lines: list[tuple[dict[str, Any], str | None]] = [
        ({"type": "apply_progress", "@message": "q: Still...", "hook": {"action": "create"}}, "q: Still..."),
        ({"type": "apply_start", "@message": "data.x: Refreshing...", "hook": {"action": "read"}}, None),
        ({"type": "refresh_start", "@message": "x"}, None),
        (CHANGE, None),
        ({"type": "text", "@message": "x"}, None),
    ]  # fmt: skip
    for event, said in lines:
        assert progress(event) == said


@settings(max_examples=100)
@given(st.text())
def test_any_line_is_an_event(line: str) -> None:
    event = parse(line)
    assert isinstance(event, dict)
    assert progress({"type": "text", **event}) is None or "type" in event
