"""What `terraform plan -json` and `apply -json` say, line by line, as values. Knows their form, and no cloud.

The form: https://developer.hashicorp.com/terraform/internals/machine-readable-ui (version 1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SPOKEN = ("apply_start", "apply_progress", "apply_complete", "apply_errored", "provision_progress")


@dataclass(frozen=True, slots=True)
class Change:
    """`action`: create, update, replace, delete, read, import, forget, no-op."""

    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    def words(self) -> str:
        """One line: summary, then its explanation."""
        where = f"{self.address}: " if self.address else ""
        return where + " ".join(f"{self.summary}: {self.detail}".removesuffix(": ").split())


@dataclass(frozen=True, slots=True)
class Said:
    """Everything one command said.

    What it calls drift is left out: it names every attribute that AWS itself has filled in since. A drift that matters
    is among the changes.
    """

    changes: tuple[Change, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.diagnostics if found.severity == "error")

    def count(self, *actions: str) -> int:
        return sum(change.action in actions for change in self.changes)


def parse(line: str) -> dict[str, Any]:
    """One line's event; one that is not JSON becomes a message of its own."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"type": "text", "@message": line.rstrip("\n")}


def progress(event: dict[str, Any]) -> str | None:
    """What is worth a line while it runs."""
    if event.get("type") not in _SPOKEN or event.get("hook", {}).get("action") == "read":
        return None
    return str(event.get("@message", ""))


def gather(events: Iterable[dict[str, Any]]) -> Said:
    changes: list[Change] = []
    diagnostics: list[Diagnostic] = []
    for event in events:
        kind = event.get("type")
        if kind == "planned_change":
            found = event["change"]
            changes.append(Change(found["resource"]["addr"], found["action"]))
        elif kind == "diagnostic":
            diagnostics.append(_diagnostic(event["diagnostic"]))
    return Said(tuple(changes), tuple(diagnostics))


def _diagnostic(found: dict[str, Any]) -> Diagnostic:
    return Diagnostic(
        str(found.get("severity", "error")),
        str(found.get("summary", "")),
        str(found.get("detail", "")),
        str(found.get("address", "")),
    )
