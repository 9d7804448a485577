"""The behaviour every object store has when threads and processes meet in it."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from function.contract.errors import AlreadyExists, NotFound, VersionMismatch
from function.store.port import ObjectStore
from tests.suites.stores import Place, answer, keys, let_go, processes, switching_often, together


def test_an_object_is_whole_from_its_birth_on(place: Place) -> None:
    bodies = [bytes([number]) * 1_000_000 for number in range(12)]
    wrong: list[int] = []
    done = threading.Event()

    def read(number: int) -> None:
        store = place.open()
        while not done.is_set():
            for key in ("created", "overwritten"):
                for turn in range(len(bodies)):
                    with contextlib.suppress(NotFound):
                        found = store.get(f"{key}/{turn if key == 'created' else 0}")
                        if len(set(found.body[::1_000])) != 1 or len(found.body) != 1_000_000:
                            wrong.append(len(found.body))
            for entry in store.list():
                if entry.size != 1_000_000:
                    wrong.append(entry.size)

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read, number) for number in range(2)]
        try:
            writer = place.open()
            for turn, body in enumerate(bodies):
                writer.create(f"created/{turn}", body)
                writer.put("overwritten/0", body)
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert wrong == []


def test_an_object_of_another_process_is_whole_from_its_birth_on(shared_place: Place) -> None:
    code = "go()\nfor n in range(40): store.create(f'born/{n}', b'x' * 400_000)\nprint('true', flush=True)"
    store, sizes = shared_place.open(), set()
    with processes(shared_place.open().uri, 1, code) as (process,):
        let_go(process)
        for number in range(40):
            deadline_s = time.monotonic() + 20
            while time.monotonic() < deadline_s:
                with contextlib.suppress(NotFound):
                    sizes.add(len(store.get(f"born/{number}").body))
                    break
        assert answer(process) is True
    assert sizes == {400_000}


def test_forty_racers_have_one_winner(place: Place) -> None:
    """Key after key, so that they meet in the middle of a create often enough."""

    def race(number: int) -> list[str]:
        store, won = place.open(), []
        for turn in range(place.fewer(25)):
            with contextlib.suppress(AlreadyExists):
                store.create(f"claims/{turn}", b"%d" % number)
                won.append(f"claims/{turn}")
        return won

    with switching_often():
        winners = [(key, b"%d" % number) for number, won in enumerate(together(40, race)) for key in won]
    assert sorted(winners) == sorted((entry.key, place.open().get(entry.key).body) for entry in place.open().list())
    assert len(winners) == place.fewer(25)


def test_forty_racers_in_four_processes_have_one_winner(shared_place: Place) -> None:
    code = (
        "def race(n):\n"
        "    won = []\n"
        f"    for turn in range({shared_place.fewer(40)}):\n"
        "        try: store.create(f'claims/{turn}', str(n).encode())\n"
        "        except AlreadyExists: continue\n"
        "        won.append([f'claims/{turn}', n])\n"
        "    return won\n"
        "with ThreadPoolExecutor(10) as threads:\n"
        "    go(); print(json.dumps(sum(threads.map(race, range(10 * number, 10 * number + 10)), [])), flush=True)\n"
    )
    with processes(shared_place.open().uri, 4, code) as racers:
        for process in racers:
            let_go(process)
        winners = [(key, b"%d" % number) for process in racers for key, number in answer(process)]
    store = shared_place.open()
    assert sorted(winners) == sorted((entry.key, store.get(entry.key).body) for entry in store.list())
    assert len(winners) == shared_place.fewer(40)


def _increment(store: ObjectStore, times: int) -> None:
    for _ in range(times):
        while True:
            found = store.get("counter")
            try:
                store.replace("counter", b"%d" % (int(found.body) + 1), found.stored.version)
            except VersionMismatch:
                continue
            break


def test_concurrent_replaces_lose_no_update(place: Place) -> None:
    place.open().create("counter", b"0")
    together(6, lambda number: _increment(place.open(), place.fewer(15)))
    assert place.open().get("counter").body == b"%d" % (6 * place.fewer(15))


def test_concurrent_replaces_of_processes_lose_no_update(shared_place: Place) -> None:
    times = shared_place.fewer(20)
    code = (
        "go()\n"
        f"for _ in range({times}):\n"
        "    while True:\n"
        "        found = store.get('counter')\n"
        "        try: store.replace('counter', b'%d' % (int(found.body) + 1), found.stored.version); break\n"
        "        except VersionMismatch: pass\n"
        "print('true', flush=True)\n"
    )
    shared_place.open().create("counter", b"0")
    with processes(shared_place.open().uri, 3, code) as counters:
        for process in counters:
            let_go(process)
        _increment(shared_place.open(), times)
        assert [answer(process) for process in counters] == [True] * 3
    assert shared_place.open().get("counter").body == b"%d" % (4 * times)


def test_a_put_is_never_undone_by_renewals(place: Place) -> None:
    """Renewers replace as fast as they can until they see the abort; once put, it stays."""

    def renew(number: int, key: str) -> None:
        store = place.open()
        for beat in range(100_000):
            found = store.get(key)
            if found.body == b"abort":
                return
            with contextlib.suppress(VersionMismatch):
                store.replace(key, b"go %d %d" % (number, beat), found.stored.version)
        raise AssertionError("no abort was ever seen")

    for turn in range(place.fewer(8)):
        key = f"control-{turn}"
        place.open().create(key, b"go")
        with ThreadPoolExecutor(2) as threads:
            renewers = [threads.submit(renew, number, key) for number in range(2)]
            time.sleep(0.003 * turn)
            place.open().put(key, b"abort")
            assert place.open().get(key).body == b"abort"
            for one in renewers:
                one.result()
        assert place.open().get(key).body == b"abort"


def test_a_listing_never_fails_nor_misses_while_others_write(place: Place) -> None:
    """Objects overwritten all the time are in every listing; those that come and go do no harm."""
    steady = [f"progress/{number:03d}" for number in range(60)]
    for key in steady:
        place.open().put(key, b"0")
    stop = threading.Event()

    def disturb(number: int) -> None:
        store = place.open()
        for turn in itertools.count():
            if stop.is_set():
                return
            store.put(steady[turn % len(steady)], b"%d" % turn)
            store.create(f"gone/{number}-{turn}", b"x")
            store.delete(f"gone/{number}-{turn}")

    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(disturb, number) for number in range(2)]
        try:
            store = place.open()
            for _ in range(place.fewer(60)):
                found = keys(store.list())
                assert [key for key in found if key.startswith("progress/")] == steady
                assert found == sorted(found)
        finally:
            stop.set()
        for one in busy:
            one.result()
