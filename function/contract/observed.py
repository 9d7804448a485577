"""orchestrator.json: what the orchestrator saw of a run and no worker can know. Put once, at the end, by launch.

Merge reads it where it is there; a run merged from the store alone does without.
"""

from __future__ import annotations

import msgspec


class End(msgspec.Struct, frozen=True):
    """How one invocation ended. `exit_code` None: the platform gives none. `at_unix_ns` on the store's clock."""

    exit_code: int | None
    detail: str
    at_unix_ns: int


class Observed(msgspec.Struct, frozen=True):
    """`ends`: by attempt id. `interference`: (unix ns, ns by which a sleep of 1 ms overshot), the worst ones.

    `suspended_ns`: how long the orchestrator's machine slept while the run was on. `actual_usd` None: not known.
    """

    started_unix_ns: int
    ended_unix_ns: int
    suspended_ns: int = 0
    ends: dict[str, End] = {}
    interference: tuple[tuple[int, int], ...] = ()
    actual_usd: float | None = None
    schema_version: int = 1
