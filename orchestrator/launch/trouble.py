"""What keeps a run's results from being stored, in words, while there is still time to do something about it.

Workers cannot say it themselves: what they say goes through the same store. So three things are watched: granted shards
that are heard no more, a control that cannot be renewed, and a run that cannot be read. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from function.contract.plan import Plan
from orchestrator.launch.roster import Group, Shard
from orchestrator.launch.timetable import SECOND_NS, ns

QUIET_S = 5.0
AGAIN_NS = 10 * SECOND_NS
MOST_NAMED = 3
WORDS = ("error[store", "error[records_not_stored")  # a worker's last ones, where it could not store


class Trouble:
    """Says each thing once it stands, and again every 10 s while it does. `groups` are the fleet's own."""

    def __init__(self, plan: Plan, groups: Sequence[Group], uri: str) -> None:
        self._groups = groups
        self._uri = uri
        # Where many workers write, each does so every lanes/1,500 s.
        self._quiet_ns = ns(max(QUIET_S, plan.coordination.lanes / 500))
        self._said_ns: dict[str, int] = {}

    def lines(self, now_ns: int, control: str | None, reading: str | None) -> Iterator[str]:
        """`control`, `reading`: why control could not be written, or the run not read, when that was last tried."""
        quiet = [shard.id for group in self._groups for shard in group.shards if self._is_quiet(group, shard, now_ns)]
        named = ", ".join(quiet[:MOST_NAMED]) + (", ..." if len(quiet) > MOST_NAMED else "")
        for topic, standing, words in (
            ("control", control is not None, f"control cannot be renewed: {control}"),
            ("reading", reading is not None, f"the run cannot be read: {reading}"),
            (
                "quiet",
                bool(quiet),
                f"{len(quiet)} of {self._sending()} workers have stored nothing for {self._quiet_ns / SECOND_NS:g} s"
                f" ({named}): is there room and permission in {self._uri}?",
            ),
        ):
            if not standing:
                self._said_ns.pop(topic, None)
            elif topic not in self._said_ns or now_ns - self._said_ns[topic] >= AGAIN_NS:
                self._said_ns[topic] = now_ns
                yield words

    def _sending(self) -> int:
        return sum(_is_open(group, shard) for group in self._groups for shard in group.shards)

    def _is_quiet(self, group: Group, shard: Shard, now_ns: int) -> bool:
        if not _is_open(group, shard) or shard.granted is None:
            return False
        heard_ns = shard.attempts[shard.granted].heard_ns
        return heard_ns is not None and now_ns - heard_ns > self._quiet_ns


def _is_open(group: Group, shard: Shard) -> bool:
    return group.go is not None and not group.closed and shard.granted is not None and not shard.over


def unstored(tail: str) -> str | None:
    """The worker's own word that it could not store, from the end of what it wrote to stderr."""
    last = tail.splitlines()[-1] if tail else ""
    return last.partition(": ")[2] if last.startswith(WORDS) else None
