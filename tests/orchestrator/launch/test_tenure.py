"""Who may write control: a tenure never renews over an abort, a takeover, or its own absence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from function.contract.control import Control
from orchestrator.launch.tenure import Standing, Tenure, abort_of

S = 1_000_000_000
LEASE_NS, BEAT_NS = 30 * S, 5 * S


def control(**given: object) -> Control:
    return structs.replace(Control("wait", 0, 0, (), 30.0, "me"), **given)


def tenure() -> Tenure:
    return Tenure(control(), 0, LEASE_NS, BEAT_NS)


def test_a_renewal_is_due_a_beat_later_and_at_once_for_a_grant() -> None:
    mine = tenure()
    assert mine.due_ns == BEAT_NS
    mine.grant("0-0")
    assert mine.due_ns == 0
    wanted = mine.renewal(S)
    assert wanted == control(state="go", beat=1, granted=("0-0",))
    assert mine.renewed(wanted, S, S)
    assert mine.due_ns == S + BEAT_NS


def test_a_group_is_listed_once() -> None:
    mine = tenure()
    mine.grant("0-0")
    mine.grant("0-0")
    wanted = mine.renewal(0)
    assert wanted is not None and wanted.granted == ("0-0",)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 29 * S), st.booleans()), min_size=1, max_size=20))
def test_no_two_bodies_are_the_same(steps: list[tuple[int, bool]]) -> None:
    mine, now, bodies = tenure(), 0, [control()]
    for place, (step, grants) in enumerate(steps):
        now += step
        if grants:
            mine.grant(f"0-{place}")
        wanted = mine.renewal(now)
        assert wanted is not None
        mine.renewed(wanted, now, now)
        bodies.append(wanted)
    bodies += [mine.finish(), abort_of(mine.control, "user", "w")]
    assert len(set(bodies)) == len(bodies)
    assert [body.beat for body in bodies[:-1]] == list(range(len(bodies) - 1))


def test_renewals_a_lease_apart_end_the_tenure() -> None:
    mine = tenure()
    assert mine.renewal(LEASE_NS - 1) is not None
    assert mine.renewal(LEASE_NS) is None


@pytest.mark.parametrize(("took", "safe"), [(2 * BEAT_NS - 1, True), (2 * BEAT_NS, False), (LEASE_NS, False)])
def test_a_renewal_that_took_two_beats_may_have_undone_an_abort(took: int, safe: bool) -> None:
    """Whoever aborts reads back for two beats after its put, which came after this renewal's compare."""
    mine = tenure()
    wanted = mine.renewal(0)
    assert wanted is not None
    assert mine.renewed(wanted, 0, took) is safe


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        ({"state": "abort", "beat": 1, "writer": "you", "reason": "user"}, Standing.ABORTED),
        ({"state": "go", "epoch": 1, "beat": 1, "writer": "you"}, Standing.FENCED),
        ({"state": "done", "beat": 1}, Standing.FENCED),
        ({"state": "wait", "beat": 1}, Standing.HELD),
    ],
)
def test_what_lies_there_decides_who_we_are(found: dict[str, object], standing: Standing) -> None:
    mine = tenure()
    mine.read(control(**found))
    assert mine.standing is standing


def test_a_write_of_ours_whose_answer_was_lost_is_built_upon() -> None:
    mine = tenure()
    mine.read(control(beat=1, granted=("0-0",)))
    mine.grant("0-0")
    wanted = mine.renewal(S)
    assert wanted is not None and wanted.beat == 2


def test_the_first_end_stands() -> None:
    mine = tenure()
    mine.end(Standing.ABORTED, "user")
    mine.end(Standing.FENCED, "other")
    assert (mine.standing, mine.reason) == (Standing.ABORTED, "user")
