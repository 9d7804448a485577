"""Has everybody who may send committed? Read from go objects and receipts alone."""

from __future__ import annotations

from collections.abc import Callable

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Go
from function.contract.errors import StoreError
from function.store.port import ObjectStore


def open_shards(store: ObjectStore) -> set[str]:
    """Shards that a go names and that have no receipt yet."""
    named: set[str] = set()
    for entry in store.list(keys.GO):
        named |= decode(Go, store.get(entry.key).body, entry.key).attempts.keys()
    committed = {entry.key.removeprefix(keys.RECEIPTS).removesuffix(".json") for entry in store.list(keys.RECEIPTS)}
    return named - committed


def silence(store: ObjectStore) -> Callable[[], bool]:
    """Asks `open_shards`; no answer from the store is no silence."""

    def silent() -> bool:
        try:
            return not open_shards(store)
        except StoreError:
            return False

    return silent
