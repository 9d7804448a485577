"""One invocation owns an attempt, and knows it."""

from __future__ import annotations

import pytest

from function.claim import claim_attempt
from function.commit import Commits
from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Claim
from function.store.memory import MemoryStore
from function.store_clock import StoreClock
from tests.function.virtual import VirtualClock, run
from tests.suites.faulty_store import FaultyStore

KEY = keys.claim("0-1-2.3")


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


def claim(store: FaultyStore, attempt: int = 3) -> Claim | None:
    clock = VirtualClock()
    return run(clock, claim_attempt(Commits(store, clock, StoreClock()), "0-1-2", attempt))


def test_of_many_invocations_one_owns_the_attempt(store: FaultyStore) -> None:
    claims = [claim(store) for _ in range(5)]
    assert [one is not None for one in claims] == [True, False, False, False, False]
    assert decode(Claim, store.get(KEY).body) == claims[0]


def test_attempts_are_claimed_apart(store: FaultyStore) -> None:
    assert claim(store, 0) and claim(store, 1)


def test_every_invocation_draws_its_own_nonce(store: FaultyStore) -> None:
    first, second = claim(store, 0), claim(store, 1)
    assert first is not None and second is not None
    assert first.nonce != second.nonce
    assert len(first.nonce) == 32


@pytest.mark.parametrize("fault", ["lose_reply", "refuse_own"])
def test_a_claim_whose_reply_was_lost_is_mine(store: FaultyStore, fault: str) -> None:
    getattr(store, fault)("create", KEY)
    assert claim(store) is not None
    assert claim(store) is None
