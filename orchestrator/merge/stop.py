"""What stopped a shard before it had sent everything, in the ledger's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from function.contract.receipt import Receipt

Kind = Literal["user", "breaker", "lease"]
KINDS: tuple[Kind, ...] = ("user", "breaker", "lease")


@dataclass(frozen=True, slots=True)
class Stop:
    """What was due after `at_ns` (since t0) was not sent, for this status and error_kind."""

    at_ns: int
    status: Literal["aborted", "missed"]
    kind: str


FROM_THE_START = -(1 << 62)


def stop_of(receipt: Receipt) -> Stop | None:
    """None: it sent everything, or nobody knows when it stopped."""
    if receipt.reason in ("not_allowed", "not_granted"):
        kind = _named(receipt.stop_detail)
        return Stop(FROM_THE_START, "aborted", kind) if kind else Stop(FROM_THE_START, "missed", "not_granted")
    if receipt.stopped_ns is None:
        return None
    if receipt.reason == "time":
        return Stop(receipt.stopped_ns, "missed", "no_time_left")
    if receipt.reason == "lease":
        return Stop(receipt.stopped_ns, "aborted", "lease")
    if receipt.reason in ("abort", "salvaged"):
        return Stop(receipt.stopped_ns, "aborted", kind_of_reason(receipt.stop_detail))
    return None


def kind_of_reason(reason: str | None) -> Kind:
    """Control's reason is free text that may begin with a kind and a colon. Put by merge: the lease had lapsed."""
    head = (reason or "").partition(":")[0].strip()
    return "lease" if head == "merge" else _named(reason) or "user"


def _named(reason: str | None) -> Kind | None:
    head = (reason or "").partition(":")[0].strip()
    return next((kind for kind in KINDS if kind == head), None)
