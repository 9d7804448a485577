"""What the network and S3 may do to a call (what a store does when all goes well: tests/suites/test_store.py)."""

from __future__ import annotations

import threading
import time

import pytest

from function.contract.errors import AlreadyExists, NotFound, StoreDenied, StoreError, VersionMismatch
from function.store import s3
from function.store.opening import open_store
from function.store.owned import create_or_read, replace_owned
from function.store.port import ObjectStore
from tests.emulators.faulty_s3 import FaultyS3

# A reply that never came.


@pytest.mark.parametrize("do", ["drop", "store_and_drop"])
def test_a_create_whose_reply_was_lost_is_ours_all_the_same(server: FaultyS3, store: ObjectStore, do: str) -> None:
    server.plant("PUT", do)  # type: ignore[arg-type]
    assert create_or_read(store, "claims/x", b"my nonce").body == b"my nonce"
    assert server.objects["runs/r1/claims/x"].body == b"my nonce"
    assert server.count("PUT") == 2


def test_a_create_that_another_won_is_not_ours(server: FaultyS3, store: ObjectStore) -> None:
    store.create("claims/x", b"another's nonce")
    server.plant("PUT", "drop")
    assert create_or_read(store, "claims/x", b"my nonce").body == b"another's nonce"


@pytest.mark.parametrize("do", ["drop", "store_and_drop"])
def test_a_replace_whose_reply_was_lost_is_ours_all_the_same(server: FaultyS3, store: ObjectStore, do: str) -> None:
    first = store.create("control.json", b"beat 1")
    server.plant("PUT", do)  # type: ignore[arg-type]
    assert replace_owned(store, "control.json", b"beat 2", first.version) is not None
    assert replace_owned(store, "control.json", b"beat 2 of another", first.version) is None
    assert store.get("control.json").body == b"beat 2"


def test_a_refused_precondition_is_told_and_not_repeated(server: FaultyS3, store: ObjectStore) -> None:
    first = store.create("a", b"1")
    store.put("a", b"2")
    with pytest.raises(AlreadyExists):
        store.create("a", b"3")
    with pytest.raises(VersionMismatch):
        store.replace("a", b"3", first.version)
    with pytest.raises(VersionMismatch):
        store.replace("gone", b"3", first.version)
    assert server.count("PUT") == 5


# What passes.


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (502, ""), (504, ""), (503, "ServiceUnavailable"),
     (429, "TooManyRequests"), (400, "RequestTimeout"), (409, "ConditionalRequestConflict"),
     (409, "OperationAborted"), (400, "BadDigest")],
)  # fmt: skip
def test_a_burst_is_sat_out(server: FaultyS3, store: ObjectStore, status: int, code: str) -> None:
    for method, call in (
        ("PUT", lambda: store.create("a", b"1")),
        ("GET", lambda: store.get("a")),
        ("GET", lambda: list(store.list())),
        ("DELETE", lambda: store.delete("a")),
    ):
        server.plant(method, "refuse", status, code, times=3)
        call()
    assert server.faults == []


def test_an_outage_ends_in_an_error_that_names_it(server: FaultyS3, store: ObjectStore) -> None:
    server.plant("PUT", "refuse", 503, "SlowDown", times=1000)
    with pytest.raises(StoreError, match=r"cannot put s3://bucket/runs/r1/a: S3 answered 503 SlowDown") as failed:
        store.put("a", b"1")
    assert type(failed.value) is StoreError
    assert server.count("PUT") == s3.TRIES


def test_the_pauses_grow_and_differ(server: FaultyS3, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_FIRST_PAUSE_S", 0.05)
    server.plant("PUT", "refuse", times=4)
    began_s = time.monotonic()
    store.put("a", b"1")
    assert time.monotonic() - began_s >= 0.5 * 0.05 * 15


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    store = open_store("s3://bucket")
    with pytest.raises(StoreError, match="cannot get s3://bucket/a"):
        store.get("a")
    store.close()


@pytest.mark.parametrize("do", ["truncate", "damage"])
def test_a_body_that_is_not_whole_is_read_again(server: FaultyS3, store: ObjectStore, do: str) -> None:
    body = b"x" * 100_000
    store.put("a", body)
    server.plant("GET", do)  # type: ignore[arg-type]
    assert store.get("a").body == body
    assert server.count("GET") == 2


def test_a_silent_server_is_asked_again(server: FaultyS3, store: ObjectStore) -> None:
    store.put("a", b"1")
    server.plant("GET", "hang")
    assert store.get("a").body == b"1"


# Limits.


def test_a_handle_with_a_limit_fails_in_time_and_repeats_nothing(server: FaultyS3, store: ObjectStore) -> None:
    store.put("control.json", b"1")
    hurried = store.at("", limit_s=0.3)
    hurried.get("control.json")
    for do in ("hang", "refuse"):
        asked = server.count("GET")
        server.plant("GET", do)  # type: ignore[arg-type]
        began_s = time.monotonic()
        with pytest.raises(StoreError):
            hurried.get("control.json")
        assert time.monotonic() - began_s < 0.9
        assert server.count("GET") == asked + 1
    assert hurried.get("control.json").body == b"1"
    below = hurried.at("")
    server.plant("GET", "refuse")
    with pytest.raises(StoreError):
        below.get("control.json")
    below.close()
    hurried.close()


def test_a_hanging_call_holds_up_no_other_handle(server: FaultyS3, store: ObjectStore) -> None:
    store.put("a", b"1")
    server.plant("PUT", "hang")
    thread = threading.Thread(target=lambda: store.put("b", b"1"))
    thread.start()
    time.sleep(0.2)
    other = store.at("")
    began_s = time.monotonic()
    assert other.get("a").body == b"1"
    assert time.monotonic() - began_s < 0.8
    other.close()
    thread.join()


# Unchanged.


def test_what_has_not_changed_is_not_sent_again(server: FaultyS3, store: ObjectStore) -> None:
    store.put("control.json", b"beat 1")
    first = store.get("control.json")
    again = store.get("control.json")
    assert (again.body, again.stored.version) == (first.body, first.stored.version)
    assert [headers.get("if-none-match") for method, _, headers in server.asked if method == "GET"] == [
        None,
        first.stored.version,
    ]
    store.put("control.json", b"beat 2")
    assert store.get("control.json").body == b"beat 2"
    store.delete("control.json")
    with pytest.raises(NotFound):
        store.get("control.json")


def test_large_bodies_are_not_kept(server: FaultyS3, store: ObjectStore) -> None:
    store.put("text", b"x" * 100_000)
    for _ in range(2):
        store.get("text")
    assert all("if-none-match" not in headers for method, _, headers in server.asked if method == "GET")


# Who may not list.


def test_a_missing_key_is_missing_to_who_was_let_in(server: FaultyS3, store: ObjectStore) -> None:
    server.may_list = False
    with pytest.raises(StoreDenied):
        store.get("spec.json")
    store.create("claims/x", b"nonce")
    with pytest.raises(NotFound, match="or one that may not be read"):
        store.get("spec.json")
    with pytest.raises(StoreDenied):
        list(store.list())


def test_a_create_that_never_arrived_may_be_tried_again_by_who_may_not_list(
    server: FaultyS3, store: ObjectStore
) -> None:
    """The read-back's 403 means: not there. Taken for a refusal it would end the worker."""
    server.may_list = False
    store.create("claims/x", b"nonce")
    server.plant("PUT", "drop", times=100)
    with pytest.raises(StoreError) as failed:
        create_or_read(store, "ready/x", b"nonce")
    assert type(failed.value) is StoreError
    server.faults.clear()
    assert create_or_read(store, "ready/x", b"nonce").body == b"nonce"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ExpiredToken", "store_credentials_expired"),
        (400, "RequestExpired", "store_credentials_expired"),
        (403, "InvalidAccessKeyId", "store_credentials"),
        (403, "SignatureDoesNotMatch", "store_credentials"),
        (403, "RequestTimeTooSkewed", "store_clock"),
        (403, "AccessDenied", "store_denied"),
    ],
)
def test_who_we_are_is_named_and_not_repeated(
    server: FaultyS3, store: ObjectStore, status: int, code: str, error: str
) -> None:
    for method, call in (("PUT", lambda: store.put("a", b"1")), ("GET", lambda: store.get("a"))):
        asked = len(server.asked)
        server.plant(method, "refuse", status, code)
        with pytest.raises(StoreDenied) as denied:
            call()
        assert denied.value.code == error
        assert len(server.asked) == asked + 1
    if error != "store_denied":
        assert denied.value.hint


def test_expired_credentials_are_no_missing_key(server: FaultyS3, store: ObjectStore) -> None:
    store.put("a", b"1")
    server.plant("GET", "refuse", 400, "ExpiredToken")
    with pytest.raises(StoreDenied):
        store.get("a")


def test_no_credentials(server: FaultyS3, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(StoreDenied) as denied:
        store.get("a")
    assert denied.value.code == "store_credentials" and server.asked == []


def test_a_bucket_that_is_none_is_no_missing_object(server: FaultyS3, store: ObjectStore) -> None:
    for method, call in (("PUT", lambda: store.create("a", b"1")), ("GET", lambda: store.get("a"))):
        server.plant(method, "refuse", 404, "NoSuchBucket")
        with pytest.raises(StoreError) as failed:
            call()
        assert failed.value.code == "store_missing" and not isinstance(failed.value, NotFound)
