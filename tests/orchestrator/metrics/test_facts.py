from __future__ import annotations

from function.contract.observed import End, Observed
from orchestrator.metrics.facts import RunFacts, ShardFacts
from tests.emulators.stored_run import T0, Truth


def test_shards_know_their_place_and_a_run_is_whole_unless_told_otherwise() -> None:
    shard = ShardFacts("2-31-4", 0, "complete")
    assert shard.name == (2, 31, 4, None)
    facts = RunFacts(Truth().plan(), (shard,), T0, (0,))
    assert (facts.aborted, facts.stopped_ns, facts.observed) == (False, None, None)


def test_last_words_are_the_granted_attempts_else_the_last_ones() -> None:
    ends = {
        "0-0-0.0": End(None, "first", 1),
        "0-0-0.1": End(None, "line\nSandbox.Timedout: 3 s", 2),
        "0-1-0.0": End(0, "", 3),
    }
    facts = RunFacts(Truth().plan(), (), T0, (0,), observed=Observed(1, 2, ends=ends))
    assert facts.last_words(ShardFacts("0-0-0", 0, "partial")) == "first"
    assert facts.last_words(ShardFacts("0-0-0", None, "missing")) == "Sandbox.Timedout: 3 s"
    assert facts.last_words(ShardFacts("0-1-0", 0, "partial")) is None
    assert RunFacts(Truth().plan(), (), T0, (0,)).last_words(ShardFacts("0-0-0", 0, "missing")) is None
