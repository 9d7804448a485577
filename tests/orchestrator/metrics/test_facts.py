from __future__ import annotations

from orchestrator.metrics.facts import RunFacts, ShardFacts
from tests.emulators.stored_run import T0, Truth


def test_shards_know_their_place_and_a_run_is_whole_unless_told_otherwise() -> None:
    shard = ShardFacts("2-31-4", 0, "complete")
    assert shard.name == (2, 31, 4, None)
    facts = RunFacts(Truth().plan(), (shard,), T0, (0,))
    assert (facts.aborted, facts.stopped_ns, facts.observed) == (False, None, None)
