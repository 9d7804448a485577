"""Where each object of a run lies, relative to the run's folder. Knows names only, nothing of their content.

A worker writes only under keys that carry its attempt (and its shard's one receipt); control and go are the
orchestrator's. See docs/reference for the whole tree.
"""

from __future__ import annotations

import re
from typing import NamedTuple

RUNS = "runs/"  # below ROOT; a run lies in RUNS + run_id + "/"
PLAN = "plan.json"
CONFIG = "config.yaml"
CONTROL = "control.json"
ORCHESTRATOR = "orchestrator.json"  # what the orchestrator saw: ends of invocations, interference, suspension
GO, TEXTS, WORKLOAD, SHARDS = "go/", "texts/", "workload/", "shards/"
CLAIMS, READY, PROGRESS, RECORDS, RECEIPTS = "claims/", "ready/", "progress/", "records/", "receipts/"

_SHARD = re.compile(r"(\d+)-(\d+)-(\d+)(?:\.(\d+))?")


class ShardName(NamedTuple):
    phase: int
    lane: int
    slice: int
    attempt: int | None


def shard_id(phase: int, lane: int, slice_: int) -> str:
    return f"{phase}-{lane}-{slice_}"


def parse_shard(text: str) -> ShardName:
    """`<phase>-<lane>-<slice>` with or without `.<attempt>`; ValueError otherwise."""
    match = _SHARD.fullmatch(text)
    if match is None:
        raise ValueError(f"not a shard id: {text!r}")
    phase, lane, slice_, attempt = match.groups()
    return ShardName(int(phase), int(lane), int(slice_), None if attempt is None else int(attempt))


def attempt_id(shard: str, attempt: int) -> str:
    return f"{shard}.{attempt}"


def group_id(phase: int, slice_: int) -> str:
    """The shards of one phase and slice: what one go object grants; the word that control.granted lists."""
    return f"{phase}-{slice_}"


def go(group: str) -> str:
    return f"{GO}{group}.json"


def text(digest: str) -> str:
    return f"{TEXTS}{digest}"


def workload(shard: str) -> str:
    return f"{WORKLOAD}{shard}.arrow"


def spec(shard: str) -> str:
    return f"{SHARDS}{shard}/spec.json"


def claim(attempt: str) -> str:
    return f"{CLAIMS}{attempt}"


def ready(attempt: str) -> str:
    return f"{READY}{attempt}"


def progress(attempt: str) -> str:
    return f"{PROGRESS}{attempt}"


def parts(attempt: str) -> str:
    return f"{RECORDS}{attempt}/"


def part(attempt: str, number: int) -> str:
    return f"{RECORDS}{attempt}/part-{number:05d}.arrow"


def receipt(shard: str) -> str:
    return f"{RECEIPTS}{shard}.json"
