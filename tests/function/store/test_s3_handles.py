"""Listings in pages, handles and their thread, and the words that open a bucket."""

from __future__ import annotations

import threading

import pytest

from function.contract.errors import AlreadyExists, StoreError, UsageError, VersionMismatch
from function.store.opening import join_uri, open_store
from function.store.port import ObjectStore
from function.store.s3_refusals import is_passing, refusal
from tests.emulators.faulty_s3 import FaultyS3


def test_all_pages_are_read(server: FaultyS3, store: ObjectStore) -> None:
    server.page = 7
    names = [f"parts/{number:03d}" for number in range(50)]
    for name in names:
        store.put(name, b"x")
    listing = store.list("parts/")
    server.plant("GET", "refuse", times=2)
    assert [entry.key for entry in listing] == names
    assert server.count("GET") == 8 + 2


def test_what_other_programs_left_is_no_key(server: FaultyS3, store: ObjectStore) -> None:
    store.put("a/b", b"x")
    for foreign in ("runs/r1/", "runs/r1/a/", "runs/r1/.hidden", "runs/r1/a//b"):
        server.objects[foreign] = server.objects["runs/r1/a/b"]
    assert [entry.key for entry in store.list()] == ["a/b"]


def test_a_closed_handle_says_so_and_the_thread_ends_with_the_last(server: FaultyS3) -> None:
    first = open_store("s3://bucket")
    second = first.at("below")
    first.put("a", b"1")
    thread = next(one for one in threading.enumerate() if one.name == "benchctl-aws")
    first.close()
    first.close()
    with pytest.raises(StoreError, match="closed"):
        first.get("a")
    second.put("a", b"1")
    assert thread.is_alive()
    second.close()
    assert not thread.is_alive()


def test_opening_contacts_nobody_and_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    before = threading.active_count()
    store = open_store("s3://bucket/a/b")
    assert threading.active_count() == before
    assert store.uri == "s3://bucket/a/b"
    assert open_store(join_uri("s3://bucket/", "runs/r1")).uri == "s3://bucket/runs/r1"
    assert open_store("s3://bucket").uri == "s3://bucket"
    assert open_store("S3://bucket/x/").uri == "s3://bucket/x"
    store.close()


@pytest.mark.parametrize(
    "uri", ["s3:", "s3:bucket", "s3:/bucket", "s3://", "s3:///a", "s3://a", "s3://Bucket/a", "s3://b_u/x", "s3://bucket/../x",
            "s3://bucket//x", "s3://user@bucket/x", "s3://bucket:80/x", "s3://-bucket/x"]
)  # fmt: skip
def test_a_malformed_uri_is_refused(uri: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_store(uri)
    assert refused.value.code == "store_uri"


def test_a_key_that_is_taken_is_not_asked_for_again() -> None:
    answer = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
    assert not is_passing(answer)
    for verb, kind in (("create", AlreadyExists), ("replace", VersionMismatch)):
        assert type(refusal(answer, verb, "s3://b/k")) is kind
