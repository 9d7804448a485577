"""What quiet takes away it gives back."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import weakref

import pytest
from msgspec.structs import replace

from function.arrival import Arrival, Piece
from function.clock import SystemClock
from function.quiet import SWITCH_S, YOUNG, lift_file_limit, quiet
from function.request import Requester
from function.transport.opening import TRANSPORTS, open_transport
from tests.function.entry.responder import responding
from tests.function.little_run import TEXT, shard_spec, workload_part
from tests.function.made import perform


def test_inside_collections_are_rare_and_switches_quick_and_afterwards_as_before() -> None:
    interval_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    with quiet():
        assert gc.get_threshold()[0] == YOUNG > 10 * thresholds[0]
        assert gc.get_freeze_count() > 1000
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert (sys.getswitchinterval(), gc.get_threshold()) == (interval_s, thresholds)
    assert gc.get_freeze_count() == 0


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_leaked_cycles_are_collected_before_they_fill_the_memory() -> None:
    alive: list[weakref.ref[Cycle]] = []
    with quiet():
        for _ in range(2 * YOUNG):
            alive.append(weakref.ref(Cycle()))
        assert sum(one() is not None for one in alive) < YOUNG


def test_files_up_to_the_hard_limit() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        lift_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
def test_a_request_leaves_nothing_for_the_collector(transport: str) -> None:
    """Else a worker, which collects (nearly) nothing while it measures, would grow with every request."""
    clock = SystemClock()
    arrival = Arrival(0, 0, 0, 0, 0, 3, 0, None, (Piece(1, 0, 0, 5),))

    async def main(url: str) -> int:
        spec = shard_spec(workload_part([0]), url)
        requester = Requester(
            spec, (TEXT,), {}, open_transport(replace(spec.target, transport=transport), clock), clock
        )

        async def ask(times: int) -> None:
            for _ in range(times):
                row = await perform(requester, arrival, requester.prepare(arrival))
                assert row.status == "ok"

        await ask(3)
        gc.collect()
        gc.disable()
        try:
            await ask(20)
            return gc.collect()
        finally:
            gc.enable()
            await requester.close()

    with responding(0.001) as responder:
        assert asyncio.run(main(responder.url)) < 20, "less than one object a request"
