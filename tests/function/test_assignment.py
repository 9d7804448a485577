"""What a worker fetches is what was planned, or it says what is not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from function.assignment import load_assignment, load_spec
from function.contract import keys
from function.contract.codec import digest, encode
from function.contract.errors import BenchctlError, ContractError, NotFound, UsageError
from function.contract.spec import SecretRef, Target, TextRef
from function.secret import from_environment
from function.store.memory import MemoryStore
from tests.function.little_run import TEXT, LittleRun, shard_spec, workload_part
from tests.function.virtual import VirtualClock, run

WORKLOAD = workload_part([1, 2, 3])


@pytest.fixture
def little() -> LittleRun:
    return LittleRun(MemoryStore(), WORKLOAD, shard_spec(WORKLOAD))


def test_spec_texts_and_workload(little: LittleRun) -> None:
    spec = run(VirtualClock(), load_spec(little.store, little.payload()))
    assert spec == little.spec
    assignment = run(VirtualClock(), load_assignment(little.store, spec, {}))
    assert assignment.texts == (TEXT,)
    assert assignment.workload == WORKLOAD
    assert assignment.secrets == {}
    assert assignment.target == spec.target


def test_many_texts_keep_their_order(little: LittleRun) -> None:
    texts = [b"text %d" % i for i in range(40)]
    for text in texts:
        little.store.create(keys.text(digest(text)), text)
    spec = msgspec.structs.replace(little.spec, texts=tuple(TextRef(digest(text), len(text)) for text in texts))
    assert run(VirtualClock(), load_assignment(little.store, spec, {})).texts == tuple(texts)


def refused(little: LittleRun, error: type[BenchctlError], match: str) -> BenchctlError:
    async def load() -> None:
        spec = await load_spec(little.store, little.payload())
        await load_assignment(little.store, spec, {"env": from_environment({})})

    with pytest.raises(error, match=match) as caught:
        run(VirtualClock(), load())
    return caught.value


def test_another_plans_shard_is_refused(little: LittleRun) -> None:
    with pytest.raises(UsageError) as caught:
        run(VirtualClock(), load_spec(little.store, little.payload(plan_hash=digest(b"another plan"))))
    assert (caught.value.code, caught.value.exit_code) == ("plan_mismatch", 2)


def test_other_code_than_planned_is_refused(little: LittleRun) -> None:
    put_spec(little, lambda spec: msgspec.structs.replace(spec, code_version="0" * 16))
    assert refused(little, UsageError, "0000000000000000").code == "code_mismatch"


def test_a_missing_secret_is_named(little: LittleRun) -> None:
    target = Target("http://x", "chat", True, secret_headers={"Authorization": SecretRef("env", "NO_SUCH_KEY")})
    put_spec(little, lambda spec: msgspec.structs.replace(spec, target=target))
    refused(little, UsageError, "NO_SUCH_KEY")


@pytest.mark.parametrize("key", [keys.text(digest(TEXT)), keys.workload("0-0-0")])
def test_a_damaged_object_is_named(little: LittleRun, key: str) -> None:
    little.store.put(key, little.store.get(key).body + b"x")
    refused(little, ContractError, key)


@pytest.mark.parametrize("key", [keys.text(digest(TEXT)), keys.workload("0-0-0"), keys.spec("0-0-0")])
def test_an_absent_object_is_named(little: LittleRun, key: str) -> None:
    little.store.delete(key)
    refused(little, NotFound, key)


def put_spec(little: LittleRun, change: Callable[..., object]) -> None:
    little.store.put(keys.spec("0-0-0"), encode(change(little.spec)))
