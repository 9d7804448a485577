"""What is known of invocations: which of a shard's attempts may be named, and when a shard is over."""

from __future__ import annotations

from orchestrator.launch.roster import Shard, groups_of
from tests.orchestrator.launch.world import S, make_plan, make_ready


def ready_shard(*attempts: int) -> Shard:
    shard = Shard("0-0-0")
    for number in attempts:
        attempt = shard.at(number, 0)
        attempt.ready = make_ready("0-0-0", number)
        attempt.hear(0)
    return shard


def test_groups_come_in_the_order_in_which_they_run() -> None:
    groups = groups_of(make_plan(2, (2, 1), ("open", "closed_count")))
    assert [group.id for group in groups] == ["0-0", "0-1", "1-0"]
    assert [shard.id for shard in groups[1].shards] == ["0-0-1", "0-1-1"]
    assert groups[2].end_ns is None


def test_the_first_attempt_that_can_send_is_named() -> None:
    shard = ready_shard(0, 1)
    assert shard.grantable(S, 5 * S, 10 * S) == 0
    shard.attempts[0].ended = True
    assert shard.grantable(S, 5 * S, 10 * S) == 1
    assert shard.grantable(6 * S, 5 * S, 10 * S) is None, "not heard of for too long"
    assert Shard("0-0-0").grantable(0, S, S) is None


def test_an_attempt_number_is_never_used_again() -> None:
    shard = Shard("0-0-0")
    assert (shard.next_attempt, shard.latest) == (0, None)
    shard.at(3, 0)
    assert shard.next_attempt == 4
    assert shard.latest is shard.attempts[3]


def test_over_is_committed_or_ended_by_the_granted_attempt() -> None:
    shard = ready_shard(0, 1)
    assert not shard.over
    shard.granted = 1
    shard.committed = 0
    shard.attempts[0].ended = True
    assert not shard.over, "another attempt's end says nothing"
    shard.committed = 1
    assert shard.over
    shard.committed, shard.attempts[1].ended = None, True
    assert shard.over
