"""Every object store against a dict: random calls through handles on different folders, one at a time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from function.contract.errors import AlreadyExists, NotFound, VersionMismatch
from function.store.port import ObjectStore, Stored
from tests.suites.stores import Place, keys

_KEYS = ["a", "a.b", "ab", "b/c", "b/c.d", "b/cd/e", "b.x", "runs/r1/x", "runs/r1/y/z", "runs/r2/x", "ü/é"]
_PREFIXES = ["", "a", "b", "b/", "b/c", "b/cd/", "runs/", "runs/r1", "runs/r1/", "x", "ü"]
_BODIES = st.integers(0, 3).map(lambda number: b"body %d" % number)  # few, so that bodies come back


class StoreMachine(RuleBasedStateMachine):
    """The store against a dict, through handles on different folders."""

    def __init__(self, store: ObjectStore, stamps_apart_ns: int) -> None:
        super().__init__()
        self.stamps_apart_ns = stamps_apart_ns
        self.store = store
        self.handles = {
            "": store,
            "b/": store.at("b"),
            "runs/": store.at("runs/"),
            "runs/r1/": store.at("runs").at("r1"),
        }
        self.model: dict[str, bytes] = {}
        self.receipts: dict[str, list[tuple[bytes, Stored]]] = {key: [] for key in _KEYS}

    @initialize()
    def start_empty(self) -> None:
        assert keys(self.store.list()) == []

    def _seen_from(self, key: str, low: bool) -> tuple[ObjectStore, str]:
        below = max((folder for folder in self.handles if key.startswith(folder)), key=len) if low else ""
        return self.handles[below], key[len(below) :]

    def _wrote(self, key: str, body: bytes, stored: Stored) -> None:
        self.model[key] = body
        self.receipts[key].append((body, stored))

    @rule(key=st.sampled_from(_KEYS), body=_BODIES, low=st.booleans())
    def put(self, key: str, body: bytes, low: bool) -> None:
        store, name = self._seen_from(key, low)
        self._wrote(key, body, store.put(name, body))

    @rule(key=st.sampled_from(_KEYS), body=_BODIES, low=st.booleans())
    def create(self, key: str, body: bytes, low: bool) -> None:
        store, name = self._seen_from(key, low)
        if key in self.model:
            with pytest.raises(AlreadyExists):
                store.create(name, body)
        else:
            self._wrote(key, body, store.create(name, body))

    @rule(key=st.sampled_from(_KEYS), body=_BODIES, low=st.booleans(), read=st.booleans())
    def replace(self, key: str, body: bytes, low: bool, read: bool) -> None:
        store, name = self._seen_from(key, low)
        if key in self.model:
            version = store.get(name).stored.version if read else self.receipts[key][-1][1].version
            self._wrote(key, body, store.replace(name, body, version))
        else:
            with pytest.raises(VersionMismatch):
                store.replace(name, body, "none")

    @rule(key=st.sampled_from(_KEYS), body=_BODIES, which=st.integers(0, 50))
    def replace_stale(self, key: str, body: bytes, which: int) -> None:
        """A version of other content; one of equal content may be the same version."""
        stale = [stored for old, stored in self.receipts[key] if old != self.model.get(key)]
        if stale:
            with pytest.raises(VersionMismatch):
                self.store.replace(key, body, stale[which % len(stale)].version)

    @rule(key=st.sampled_from(_KEYS), low=st.booleans())
    def get(self, key: str, low: bool) -> None:
        store, name = self._seen_from(key, low)
        if key in self.model:
            found = store.get(name)
            last = self.receipts[key][-1][1]
            assert found.body == self.model[key]
            assert found.stored.version == last.version
            assert 0 <= last.stamp_ns - found.stored.stamp_ns <= self.stamps_apart_ns
        else:
            with pytest.raises(NotFound):
                store.get(name)

    @rule(key=st.sampled_from(_KEYS), low=st.booleans())
    def delete(self, key: str, low: bool) -> None:
        store, name = self._seen_from(key, low)
        store.delete(name)
        self.model.pop(key, None)

    @rule(
        prefix=st.sampled_from(_PREFIXES), below=st.sampled_from(["", "b/", "runs/", "runs/r1/"]), shallow=st.booleans()
    )
    def list(self, prefix: str, below: str, shallow: bool) -> None:
        expected: dict[str, int] = {}
        for key, body in self.model.items():
            if key.startswith(below + prefix):
                name = key[len(below) :]
                folder, slash, _ = name[len(prefix) :].partition("/")
                deep = shallow and slash
                expected[prefix + folder + slash if deep else name] = 0 if deep else len(body)
        found = [*self.handles[below].list(prefix, shallow=shallow)]
        assert [(entry.key, entry.size) for entry in found] == sorted(expected.items())
        for entry in found:
            if not entry.key.endswith("/"):
                assert entry.version
                stored = self.receipts[below + entry.key][-1][1]
                assert 0 <= stored.stamp_ns - entry.stamp_ns <= self.stamps_apart_ns


def test_the_store_behaves_like_a_dict(place: Place) -> None:
    number = itertools.count()

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(place.open().at(f"model-{next(number)}"), place.stamps_apart_ns)

    rules = settings(
        max_examples=place.model_runs,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(Machine, settings=rules)
