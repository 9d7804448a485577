"""Work that ends early for good reasons only."""

from __future__ import annotations

import asyncio

import pytest

from function.contract.errors import StoreError
from function.fuse import Fuse
from function.vigil import LOOK_S, Vigil
from tests.function.open_gate import control, open_gate
from tests.function.virtual import SECOND, VirtualClock, run


class Setting:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.gate = open_gate(self.clock, 6 * SECOND)
        self.fuse = Fuse()
        self.told: str | None = None
        self.unstored: StoreError | None = None
        self.vigil = Vigil(self.gate, self.fuse, lambda: self.told, lambda: self.unstored)
        self.ended = "not begun"

    async def work(self, seconds: float) -> None:
        self.ended = "cancelled"
        await asyncio.sleep(seconds)
        self.ended = "done"


def test_work_that_ends_is_no_stop() -> None:
    setting = Setting()
    assert run(setting.clock, setting.vigil.unless_stopped(setting.work(2.5))) is None
    assert setting.ended == "done"


@pytest.mark.parametrize(
    ("event", "reason", "kind"),
    [
        ("lapse", "lease", "lease"),
        ("abort", "abort", "user"),
        ("told", "abort", "user"),
        ("unstored", "failed", "lease"),
    ],
)
def test_a_stop_cancels_the_work_within_a_look(event: str, reason: str, kind: str) -> None:
    setting = Setting()

    def happen() -> None:
        if event == "abort":
            setting.gate.heard(setting.clock.now_ns(), control(3, "abort", reason="user"))
        elif event == "told":
            setting.told = "SIGTERM"
        elif event == "unstored":
            setting.unstored = StoreError("no space")

    async def main() -> None:
        begun_ns = setting.clock.now_ns()
        asyncio.get_running_loop().call_later(1, happen)
        stop = await setting.vigil.unless_stopped(setting.work(100))
        assert stop is not None and (stop.reason, stop.kind) == (reason, kind)
        took_s = (setting.clock.now_ns() - begun_ns) / SECOND
        assert took_s <= (3 if event == "lapse" else 1) + 2 * LOOK_S

    run(setting.clock, main())
    assert setting.ended == "cancelled"


def test_a_stop_that_stands_lets_nothing_begin() -> None:
    setting = Setting()
    setting.told = "SIGTERM"
    assert run(setting.clock, setting.vigil.unless_stopped(setting.work(1))) is not None
    assert setting.ended == "not begun"


@pytest.mark.parametrize("where", ["work", "fuse"])
def test_errors_are_raised_wherever_they_come_from(where: str) -> None:
    setting = Setting()

    async def fail() -> None:
        await asyncio.sleep(1)
        if where == "work":
            raise KeyError("a defect")
        setting.fuse.blow(KeyError("a defect"))
        await asyncio.sleep(100)

    with pytest.raises(KeyError, match="a defect"):
        run(setting.clock, setting.vigil.unless_stopped(fail()))
    assert setting.clock.now_ns() < 1_010 * SECOND
