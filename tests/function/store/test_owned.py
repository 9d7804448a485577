from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from function.contract.errors import NotFound, StoreDenied, StoreError, VersionMismatch
from function.store.memory import MemoryStore
from function.store.owned import create_or_read, replace_owned
from tests.suites.faulty_store import FaultyStore

CLAIM = "claims/0-0-0.0"


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


# create_or_read.


def test_a_claim_that_nobody_has_is_mine(store: FaultyStore) -> None:
    blob = create_or_read(store, CLAIM, b"mine")
    assert blob == store.get(CLAIM)
    assert blob.body == b"mine"


def test_a_claim_of_another_is_his(store: FaultyStore) -> None:
    theirs = store.create(CLAIM, b"theirs")
    blob = create_or_read(store, CLAIM, b"mine")
    assert blob.body == b"theirs"
    assert blob.stored == theirs


def test_a_claim_whose_reply_was_lost_is_mine(store: FaultyStore) -> None:
    store.lose_reply("create", CLAIM)
    assert create_or_read(store, CLAIM, b"mine").body == b"mine"


def test_a_claim_refused_by_my_own_retry_is_mine(store: FaultyStore) -> None:
    store.refuse_own("create", CLAIM)
    assert create_or_read(store, CLAIM, b"mine").body == b"mine"


def test_a_claim_that_never_arrived_is_unknown(store: FaultyStore) -> None:
    """Not `not mine`: the write may land yet."""
    late = store.land_late("create", CLAIM)
    with pytest.raises(StoreError, match="timed out") as refusal:
        create_or_read(store, CLAIM, b"mine")
    assert not isinstance(refusal.value, NotFound)
    assert late.land() is None
    assert create_or_read(store, CLAIM, b"mine").body == b"mine"


def test_a_late_claim_does_not_win_over_another(store: FaultyStore) -> None:
    late = store.land_late("create", CLAIM)
    with pytest.raises(StoreError):
        create_or_read(store, CLAIM, b"mine")
    assert create_or_read(store, CLAIM, b"theirs").body == b"theirs"
    assert late.land() is not None
    assert create_or_read(store, CLAIM, b"mine").body == b"theirs"


@pytest.mark.parametrize("plant", ["lose_reply", "refuse_own"])
def test_a_claim_that_cannot_be_read_back_is_unknown(store: FaultyStore, plant: str) -> None:
    getattr(store, plant)("create", CLAIM)
    store.fail("get", CLAIM)
    with pytest.raises(StoreError, match="no answer"):
        create_or_read(store, CLAIM, b"mine")


def test_a_denied_claim_is_denied_and_not_read_back(store: FaultyStore) -> None:
    store.fail("create", CLAIM, error=StoreDenied("no"))
    with pytest.raises(StoreDenied):
        create_or_read(store, CLAIM, b"mine")
    assert store.calls == [("create", CLAIM)]


def test_of_many_racers_with_lost_replies_each_knows_who_won(store: FaultyStore) -> None:
    store.lose_reply("create", CLAIM, times=3)
    with ThreadPoolExecutor(12) as threads:
        bodies = [*threads.map(lambda number: create_or_read(store, CLAIM, b"%d" % number).body, range(12))]
    assert set(bodies) == {store.get(CLAIM).body}


# replace_owned.


def test_a_renewal_of_mine_gives_its_receipt(store: FaultyStore) -> None:
    version = store.create("control.json", b"beat 1").version
    stored = replace_owned(store, "control.json", b"beat 2", version)
    assert stored == store.get("control.json").stored
    assert store.get("control.json").body == b"beat 2"


@pytest.mark.parametrize("plant", ["lose_reply", "refuse_own"])
def test_a_renewal_that_landed_is_mine_whatever_was_answered(store: FaultyStore, plant: str) -> None:
    version = store.create("control.json", b"beat 1").version
    getattr(store, plant)("replace", "control.json")
    assert replace_owned(store, "control.json", b"beat 2", version) == store.get("control.json").stored


def test_a_renewal_that_lost_to_an_abort_is_not_mine(store: FaultyStore) -> None:
    version = store.create("control.json", b"beat 1").version
    store.put("control.json", b"abort")
    assert replace_owned(store, "control.json", b"beat 2", version) is None
    assert store.get("control.json").body == b"abort"


def test_a_late_renewal_does_not_undo_an_abort(store: FaultyStore) -> None:
    version = store.create("control.json", b"beat 1").version
    late = store.land_late("replace", "control.json")
    with pytest.raises(StoreError, match="timed out"):  # unknown: it may land yet
        replace_owned(store, "control.json", b"beat 2", version)
    store.put("control.json", b"abort")
    assert isinstance(late.land(), VersionMismatch)
    assert store.get("control.json").body == b"abort"


def test_a_renewal_that_cannot_be_read_back_is_unknown(store: FaultyStore) -> None:
    version = store.create("control.json", b"beat 1").version
    store.lose_reply("replace", "control.json")
    store.fail("get", "control.json")
    with pytest.raises(StoreError, match="no answer"):
        replace_owned(store, "control.json", b"beat 2", version)


def test_a_denied_renewal_is_denied(store: FaultyStore) -> None:
    store.fail("replace", error=StoreDenied("no"))
    with pytest.raises(StoreDenied):
        replace_owned(store, "control.json", b"beat 2", "v")
    assert store.calls == [("replace", "control.json")]


def test_a_renewal_of_what_is_gone_is_not_ours(store: FaultyStore) -> None:
    version = store.create("control.json", b"beat 1").version
    store.delete("control.json")
    assert replace_owned(store, "control.json", b"beat 2", version) is None
