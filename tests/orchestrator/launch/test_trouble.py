"""What is said while results cannot be stored: soon, by name, not on every turn, and not of workers that are over."""

from __future__ import annotations

import pytest

from function.contract.control import Go
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.trouble import Trouble, unstored
from tests.orchestrator.launch.world import S, make_plan, make_progress, make_ready

T0 = 1_790_000_000 * S


class Scene:
    def __init__(self, lanes: int = 4) -> None:
        plan = make_plan(lanes)
        self.fleet = Fleet(plan, "w")
        self.ids = [shard.shard for shard in plan.shards]
        for shard in self.ids:
            self.fleet.ready(make_ready(shard), T0)
        self.trouble = Trouble(plan, self.fleet.groups, "/r")

    def granted(self) -> Scene:
        self.fleet.go_settled(Go(0, 0, T0, T0, dict.fromkeys(self.ids, 0), "w"), T0)
        return self

    def heard(self, seconds: float, *lanes: int) -> None:
        for lane in lanes:
            self.fleet.progress(make_progress(self.ids[lane], 0, "sending"), T0 + round(seconds * S))

    def lines(self, seconds: float, control: str | None = None, reading: str | None = None) -> list[str]:
        return list(self.trouble.lines(T0 + round(seconds * S), control, reading))


def test_workers_that_store_nothing_are_named_within_seconds() -> None:
    scene = Scene().granted()
    assert scene.lines(5.0) == []
    scene.heard(5.0, 0, 1)
    (line,) = scene.lines(5.5)
    assert "2 of 4 workers" in line and "(0-2-0, 0-3-0)" in line and "/r" in line


def test_it_is_said_again_every_ten_seconds_and_afresh_after_it_was_over() -> None:
    scene = Scene(1).granted()
    said = [second for second in range(30) if scene.lines(second)]
    assert said == [6, 16, 26]
    scene.heard(30, 0)
    assert scene.lines(31) == []
    assert scene.lines(36)


def test_waiting_and_ended_workers_are_no_trouble() -> None:
    scene = Scene(2)
    assert scene.lines(100) == [], "nobody is granted yet"
    scene.granted()
    scene.fleet.receipt(scene.ids[0], 0)
    scene.fleet.ended(scene.ids[1], 0, T0)
    assert scene.lines(100) == []


def test_most_are_counted_and_few_named() -> None:
    (line,) = Scene(30).granted().lines(6)
    assert "30 of 30" in line and line.count("0-") < 6


def test_a_store_that_takes_or_gives_nothing_is_told_with_its_words() -> None:
    scene = Scene()
    assert scene.lines(1, control="no space") == ["control cannot be renewed: no space"]
    assert scene.lines(2, control="no space", reading="gone") == ["the run cannot be read: gone"]
    assert scene.lines(3) == []
    assert len(scene.lines(4, control="no space")) == 1


@pytest.mark.parametrize(
    ("tail", "word"),
    [
        ("", None),
        ("error[usage]: no", None),
        ("Traceback\nerror[store]: cannot create x: no space", "cannot create x: no space"),
        ("error[store_denied]: no", "no"),
        ("error[records_not_stored]: 9 bytes wait", "9 bytes wait"),
        ("error[store]: early\nsomething else", None),
    ],
)
def test_a_workers_last_words(tail: str, word: str | None) -> None:
    assert unstored(tail) == word
