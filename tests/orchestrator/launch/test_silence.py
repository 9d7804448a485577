"""Who may still send: those a go names, less those with a receipt."""

from __future__ import annotations

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Go
from function.contract.errors import StoreError
from function.store.memory import MemoryStore
from orchestrator.launch.silence import open_shards, silence
from tests.orchestrator.launch.crew import make_receipt


def test_named_without_a_receipt() -> None:
    store = MemoryStore()
    assert silence(store)()
    store.put(keys.go("0-0"), encode(Go(0, 0, 1, 1, {"0-0-0": 0, "0-1-0": 1}, "w")))
    store.put(keys.go("0-1"), encode(Go(0, 1, 1, 1, {"0-0-1": 0}, "w")))
    store.put(keys.receipt("0-1-0"), encode(make_receipt("0-1-0", 1)))
    assert open_shards(store) == {"0-0-0", "0-0-1"}
    assert not silence(store)()


def test_no_answer_is_no_silence() -> None:
    class Down(MemoryStore):
        def list(self, prefix: str = "", *, shallow: bool = False):  # type: ignore[no-untyped-def]
            raise StoreError("down")

    assert not silence(Down())()
