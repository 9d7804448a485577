"""The behaviour every object store has, seen by one caller at a time (test_store_races.py: by many)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from function.contract.errors import AlreadyExists, NotFound, VersionMismatch
from function.store.port import Entry, ObjectStore, Stored
from tests.suites.stores import Place, answer, keys, let_go, processes

# One object.


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"\xff\xfe\r\n\x1a", "Grüße, 世界 🚀".encode(), bytes(range(256)) * 300],
    ids=lambda b: str(len(b)),
)
def test_a_body_comes_back_as_it_was(place: Place, body: bytes) -> None:
    writer, reader = place.open(), place.open()
    for key, stored in [
        ("a/put", writer.put("a/put", body)),
        ("a/create", writer.create("a/create", body)),
        ("a/replace", writer.replace("a/replace", body, writer.put("a/replace", b"before").version)),
    ]:
        found = reader.get(key)
        assert found.body == body
        assert found.stored.version == stored.version
        assert [entry.size for entry in reader.list(key)] == [len(body)]


def test_a_big_body_comes_back(place: Place) -> None:
    body = hashlib.shake_256(b"big").digest(place.big_bytes)
    place.open().create("big", body)
    assert place.open().get("big").body == body
    assert next(place.open().list("big")).size == len(body)


@pytest.mark.parametrize(
    "key", ["plan.json", "runs/a-b_c.d/claims/0-0-0.0", "é/ß 世界", "a b/%41+&=?#~", "A/a", "0" * 255]
)
def test_keys_are_names_and_nothing_else(place: Place, key: str) -> None:
    place.open().create(key, b"x")
    assert keys(place.open().list()) == [key]
    assert place.open().get(key).body == b"x"
    place.open().delete(key)
    assert keys(place.open().list()) == []


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".store/lock", "a/.store/x", ".", "a/./b", "a//b", "a/",
     "a\0b", "a\nb", "\ud800", "x" * 256, "y/" * 600 + "y"],
)  # fmt: skip
def test_a_key_that_is_none_is_refused(store: ObjectStore, key: str) -> None:
    for call in (
        lambda: store.put(key, b""),
        lambda: store.create(key, b""),
        lambda: store.replace(key, b"", "v"),
        lambda: store.get(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(ValueError, match="key"):
            call()
    assert keys(store.list()) == []


@pytest.mark.parametrize("prefix", ["/", "/a", "..", "../", ".", ".s", "a/.", "a//", "a/../b"])
def test_a_prefix_that_no_key_has_is_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="key"):
        store.list(prefix)
    if prefix.rstrip("/"):
        with pytest.raises(ValueError, match="key"):
            store.at(prefix)


def test_what_is_absent_is_not_found_and_may_be_deleted(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        store.get("nothing")
    with pytest.raises(NotFound):
        store.get("nothing/at/all")
    with pytest.raises(VersionMismatch):
        store.replace("nothing", b"x", "v")
    store.delete("nothing")
    store.delete("nothing/at/all")
    assert keys(store.list()) == []
    assert keys(store.list("nothing/", shallow=True)) == []


def test_a_folder_is_not_an_object(store: ObjectStore) -> None:
    store.put("a/b/c", b"x")
    with pytest.raises(NotFound):
        store.get("a/b")
    store.delete("a/b")
    with pytest.raises(NotFound):
        store.get("a/b/c/d")
    store.delete("a/b/c/d")
    assert keys(store.list()) == ["a/b/c"]


def test_create_refuses_what_is_there_and_leaves_it(store: ObjectStore) -> None:
    first = store.create("claims/0-0-0.0", b"mine")
    with pytest.raises(AlreadyExists):
        store.create("claims/0-0-0.0", b"yours")
    with pytest.raises(AlreadyExists):
        store.create("claims/0-0-0.0", b"mine")
    assert store.get("claims/0-0-0.0").body == b"mine"
    assert store.get("claims/0-0-0.0").stored.version == first.version
    store.delete("claims/0-0-0.0")
    store.create("claims/0-0-0.0", b"yours")
    assert store.get("claims/0-0-0.0").body == b"yours"


def test_replace_refuses_a_stale_version(store: ObjectStore) -> None:
    first = store.create("control.json", b"beat 1")
    second = store.replace("control.json", b"beat 2", first.version)
    with pytest.raises(VersionMismatch):
        store.replace("control.json", b"beat 2 of another", first.version)
    assert store.get("control.json").body == b"beat 2"
    store.delete("control.json")
    with pytest.raises(VersionMismatch):
        store.replace("control.json", b"beat 3", second.version)
    assert keys(store.list()) == []


def test_a_replace_prepared_before_a_put_loses_to_it(place: Place) -> None:
    renewer, user = place.open(), place.open()
    prepared = renewer.create("control.json", b"go, beat 7")
    user.put("control.json", b"abort")
    with pytest.raises(VersionMismatch):
        renewer.replace("control.json", b"go, beat 8", prepared.version)
    assert renewer.get("control.json").body == b"abort"


# Listings.


def test_lists_are_sorted_and_take_a_prefix(place: Place) -> None:
    store = place.open()
    names = ["a.b", "a/1", "a/10", "a/2/x", "a0", "b", "B", "ab/c", "é", "a-b/z"]
    for key in names:
        store.put(key, key.encode())
    assert keys(place.open().list()) == sorted(names)
    for prefix in ["", "a", "a/", "a/1", "a/2", "a/2/", "a/2/x", "a/2/xy", "ab", "z", "é", "a-b/"]:
        assert keys(store.list(prefix)) == [key for key in sorted(names) if key.startswith(prefix)], prefix


def test_shallow_lists_stop_at_the_next_slash(store: ObjectStore) -> None:
    for key in ["runs/r1/plan.json", "runs/r1/claims/x", "runs/r2/plan.json", "runs/r2.txt", "runs/r20/a/b/c"]:
        store.put(key, b"x")
    assert keys(store.list(shallow=True)) == ["runs/"]
    assert keys(store.list("runs/", shallow=True)) == ["runs/r1/", "runs/r2.txt", "runs/r2/", "runs/r20/"]
    assert keys(store.list("runs/r2", shallow=True)) == ["runs/r2.txt", "runs/r2/", "runs/r20/"]
    assert keys(store.list("runs/r1/", shallow=True)) == ["runs/r1/claims/", "runs/r1/plan.json"]
    folder = next(store.list("runs/", shallow=True))
    assert folder == Entry("runs/r1/", 0, "", 0)
    store.delete("runs/r20/a/b/c")
    assert keys(store.list("runs/r20", shallow=True)) == []


def test_a_listing_shows_every_change_of_content(store: ObjectStore) -> None:
    """Also changes of the same size within one tick of a coarse clock."""

    def row() -> Entry:
        return next(store.list("progress/"))

    store.put("progress/0-0-0.0", b"000")
    seen = {row().version}
    for number in range(1, 60):
        body = b"%03d" % number
        if number % 2:
            store.put("progress/0-0-0.0", body)
        else:
            store.replace("progress/0-0-0.0", body, store.get("progress/0-0-0.0").stored.version)
        assert row().version not in seen
        assert row() == row()
        seen.add(row().version)


# Handles.


def test_at_looks_at_the_same_objects_from_below(place: Place) -> None:
    above, below = place.open(), place.open().at("runs/r7")
    below.create("claims/x", b"1")
    assert above.get("runs/r7/claims/x").body == b"1"
    assert keys(above.list()) == ["runs/r7/claims/x"]
    assert keys(below.list()) == ["claims/x"]
    with pytest.raises(AlreadyExists):
        above.at("runs").at("r7/").at("").at("claims/").create("x", b"2")
    above.put("runs/r70", b"not below")
    assert keys(below.list()) == ["claims/x"]
    stored = above.put("runs/r7/claims/x", b"3")
    below.replace("claims/x", b"4", stored.version)
    assert above.get("runs/r7/claims/x").body == b"4"
    below.delete("claims/x")
    assert keys(above.list()) == ["runs/r70"]


def test_closing_one_handle_leaves_the_others(place: Place) -> None:
    first, second = place.open(), place.open()
    third = first.at("")
    first.put("a", b"1")
    first.close()
    assert second.get("a").body == b"1"
    assert third.get("a").body == b"1"


def test_the_uri_opens_the_same_place_elsewhere(shared_place: Place) -> None:
    code = "go(); store.put('b', store.get('a').body + b' and back'); print('true', flush=True)"
    store = shared_place.open()
    store.at("deeper").put("a", b"there")
    with processes(store.at("deeper").uri, 1, code) as (process,):
        let_go(process)
        assert answer(process) is True
    assert store.get("deeper/b").body == b"there and back"


# Stamps.


def test_the_stamp_of_a_write_lies_where_it_says(place: Place) -> None:
    """The store's clock is this machine's here: the write happened between two readings of it."""
    store = place.open()

    def check(key: str, write: Callable[[], Stored]) -> Stored:
        before_ns = time.time_ns()
        stored = write()
        after_ns = time.time_ns()
        assert stored.stamp_ns <= after_ns
        assert stored.stamp_ns + stored.resolution_ns >= before_ns
        assert 0 < stored.resolution_ns <= 1_000_000_000
        found = store.get(key).stored
        assert found.stamp_ns == next(store.list(key)).stamp_ns
        assert 0 <= stored.stamp_ns - found.stamp_ns <= place.stamps_apart_ns
        assert found.resolution_ns > 0
        return stored

    for number in range(40):
        key = f"ready/{number}"
        first = check(key, lambda key=key: store.create(key, b"1"))  # type: ignore[misc]
        second = check(key, lambda key=key: store.put(key, b"2"))  # type: ignore[misc]
        third = check(key, lambda key=key, version=second.version: store.replace(key, b"3", version))  # type: ignore[misc]
        assert first.stamp_ns <= second.stamp_ns <= third.stamp_ns
        time.sleep(0.001)
