"""Law 5: the ledger balances, whatever happens to a run: kills, damage, aborts, failures, requests nobody remembers."""

from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract import keys
from function.contract.record import (
    ABORTED_KINDS,
    FAILED_KINDS,
    LOST_KINDS,
    MISSED_KINDS,
    STATUSES,
    TIMED_OUT_KINDS,
)
from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.merge.summary import Summary
from tests.emulators.stored_run import S, Stage, Truth

KINDS = {
    "failed": FAILED_KINDS,
    "timed_out": TIMED_OUT_KINDS,
    "missed": MISSED_KINDS,
    "aborted": ABORTED_KINDS,
    "lost": LOST_KINDS,
}

shapes = st.sampled_from(
    [
        ([Stage(3, 20), Stage(2, 30)], 3, 1),
        ([Stage(4, 15)], 2, 4),
        ([Stage(users=3, count=40)], 3, 1),
        ([Stage(3, users=4)], 2, 1),
        ([Stage(users=2, count=15), Stage(2, users=3, warmup=True)], 2, 1),
        ([Stage(1, 1)], 1, 1),
    ]
)
fates = st.sampled_from(
    [
        "whole",
        "killed",
        "killed early",
        "ungranted",
        "aborted",
        "lapsed",
        "late",
        "failed",
        "damaged",
        "gone",
        "doubled",
    ]
)


def disturb(truth: Truth, shard: str, fate: str, drawn: random.Random) -> None:
    """Bends one shard before it is written."""
    own = truth.shards[shard]
    mine = list(truth.planned[shard])
    cut = drawn.randint(0, len(mine))
    own.parts = drawn.randint(1, 4)
    if fate in ("killed", "killed early", "aborted", "lapsed", "late", "failed"):
        for k in mine[cut:]:
            truth.forget(k)
    if fate in ("killed", "killed early"):
        own.receipt = False
        flying = mine[cut : cut + drawn.randint(0, 3)]
        own.in_flight = [(k, 0, drawn.randint(0, 3 * S), drawn.randint(0, 3 * S)) for k in flying]
    if fate == "ungranted":
        own.attempt = None
    reasons = {"aborted": "abort", "lapsed": "lease", "late": "time", "failed": "failed"}
    if fate in reasons:
        own.reason = reasons[fate]  # type: ignore[assignment]
        own.stopped_ns = None if fate == "failed" else drawn.randint(0, 4 * S)
        own.detail = drawn.choice(["user", "breaker: errors", "lease: gone", None])
    for row in truth.of_shard(shard):
        if drawn.random() < 0.2:
            kind = drawn.choice(["http_429", "http_500", "truncated", "connection_lost"])
            truth.fail(row, kind) if drawn.random() < 0.7 else truth.fail(row, "idle_timeout", "timed_out")
        elif drawn.random() < 0.05:
            truth.miss(row)


def hurt(store: MemoryStore, shard: str, fate: str, drawn: random.Random) -> None:
    """Bends it once it is stored."""
    parts = [entry.key for entry in store.list(keys.parts(f"{shard}.0"))]
    if not parts:
        return
    key = drawn.choice(parts)
    if fate == "damaged":
        body = bytearray(store.get(key).body)
        body[drawn.randrange(len(body))] ^= 0xFF
        store.put(key, bytes(body))
    elif fate == "gone":
        store.delete(key)
    elif fate == "killed early":
        for each in parts:
            store.delete(each)
    elif fate == "doubled":
        store.delete(keys.receipt(shard))
        store.create(keys.part(f"{shard}.0", 77), store.get(key).body)


def built(shape: tuple[list[Stage], int, int], chosen: list[str], seed: int) -> tuple[Truth, MemoryStore]:
    stages, lanes, slices = shape
    truth, drawn = Truth(stages, lanes, slices), random.Random(seed)
    by_shard = {shard: chosen[i % len(chosen)] for i, shard in enumerate(truth.shards)}
    for shard, fate in by_shard.items():
        disturb(truth, shard, fate, drawn)
    truth.control = drawn.choice(["done", "abort", "go"])
    truth.reason = drawn.choice(["user", "breaker", "merge", None])
    store = MemoryStore()
    truth.write(store)
    for shard, fate in by_shard.items():
        hurt(store, shard, fate, drawn)
    return truth, store


def check_balance(summary: Summary) -> None:
    """The whole, every stage, every shard; and the parts add up to the whole."""
    assert summary.ledger.balances
    for part in (*summary.stages, *summary.shards):
        ledger = part.block.ledger if hasattr(part, "block") else part.ledger
        assert ledger.balances
    for name in summary.ledger.as_dict():
        whole = getattr(summary.ledger, name)
        assert sum(getattr(stage.block.ledger, name) for stage in summary.stages) == whole, name
        assert sum(getattr(shard.ledger, name) for shard in summary.shards) == whole, name


def check_words(found: Merged) -> None:
    """`error_kind` is null exactly when ok, and is a word of its status."""
    requests = found.requests
    for status, code, http in zip(requests.status, requests.error_kind.codes, requests.http_status):
        word, kind = STATUSES[status], requests.error_kind.words[code] if code >= 0 else None
        if word == "ok":
            assert kind is None
        else:
            assert kind in KINDS[word] or (word == "failed" and kind == f"http_{http}"), (word, kind)


@given(shapes, st.lists(fates, min_size=1, max_size=5), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_it_balances_for_any_mix_of_kills_and_damage(
    shape: tuple[list[Stage], int, int], chosen: list[str], seed: int
) -> None:
    truth, store = built(shape, chosen, seed)
    found = merge_run(store, sleep=lambda _: None)
    check_balance(found.summary)
    check_words(found)
    planned = truth.plan().requests
    if planned is not None:
        assert found.summary.ledger.planned == planned, "none lost, none doubled"
    assert np.unique(found.requests.request_index).size == len(found.requests)
    summary = found.summary.as_dict()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary, "JSON's own types, and never NaN"
    again = merge_run(store, sleep=lambda _: None)
    assert again.summary.as_dict() == summary, "what was merged once merges to the same"


@given(shapes, st.lists(fates, min_size=1, max_size=5), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_disturbed_run_is_never_valid(shape: tuple[list[Stage], int, int], chosen: list[str], seed: int) -> None:
    """Whatever is lost, damaged or missed without an excuse shows in the verdict."""
    _, store = built(shape, chosen, seed)
    found = merge_run(store, sleep=lambda _: None)
    measured = [stage.block.ledger for stage in found.summary.stages if not stage.warmup]
    disturbed = sum(ledger.lost + ledger.aborted + ledger.missed for ledger in measured)
    damaged = any(shard.damaged for shard in found.facts.shards)
    if disturbed or damaged:
        assert found.summary.verdict != "VALID"


def test_planted_a_merge_that_drops_a_shard_is_caught() -> None:
    _, store = built(([Stage(3, 20)], 2, 1), ["whole"], 1)
    summary = merge_run(store).summary
    from dataclasses import replace

    with pytest.raises(AssertionError):
        check_balance(replace(summary, shards=summary.shards[1:]))


def test_planted_a_row_counted_twice_is_caught() -> None:
    truth, store = built(([Stage(3, 20)], 2, 1), ["doubled"], 1)
    found = merge_run(store, sleep=lambda _: None)
    counted = Counter(STATUSES[code] for code in found.requests.status)
    stored = sum(shard.receipt.rows for shard in found.facts.shards if shard.receipt)
    assert stored > sum(counted.values()) == truth.plan().requests
    assert found.summary.verdict == "INVALID"
