"""How many lanes fit, what is said of it, and that it is said of the quota that binds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.checkup.quotas import QUOTA, Need, Quota, check_quota, lanes_that_fit, quota_dict


def quota(account: int, unreserved: int | None = None, reserved: int | None = None, in_use: int | None = 0) -> Quota:
    return Quota("us-east-1", account, account if unreserved is None else unreserved, reserved, in_use)


def test_a_fresh_account_says_how_many_lanes_fit_and_which_quota_to_raise() -> None:
    found = check_quota(quota(10), Need(lanes=12, peak=24))
    assert (found.state, found.code, found.path) == ("fail", "quota", "fanout.lanes")
    assert "24 functions needed for 12 lanes" in found.what and "5 lanes fit" in found.what
    assert QUOTA in found.hint and "fanout.lanes: 5" in found.hint and "nothing can be reserved" in found.hint


def test_what_is_reserved_for_the_function_is_all_it_has() -> None:
    assert check_quota(quota(1000, 900, reserved=8), Need(8, 8)).state == "ok"
    found = check_quota(quota(1000, 900, reserved=8), Need(8, 16))
    assert found.state == "fail" and "4 lanes fit" in found.what and "reserve 16" in found.hint


def test_a_stopped_function_is_no_matter_of_lanes() -> None:
    found = check_quota(quota(1000, reserved=0), Need(1, 1))
    assert (found.state, found.code) == ("fail", "function_stopped")


def test_others_that_run_now_are_a_warning() -> None:
    assert check_quota(quota(100, in_use=90), Need(10, 20)).state == "warn"
    assert check_quota(quota(100, in_use=None), Need(10, 20)).state == "ok"


@given(st.integers(0, 2000), st.integers(1, 500), st.integers(1, 2))
def test_as_many_lanes_as_are_said_to_fit_do(available: int, lanes: int, per_lane: int) -> None:
    fit = lanes_that_fit(quota(available), Need(lanes, lanes * per_lane))
    assert check_quota(quota(available), Need(lanes, lanes * per_lane)).state == ("ok" if lanes <= fit else "fail")
    assert fit * per_lane <= available < (fit + 1) * per_lane


def test_the_plan_adds_the_regions_up() -> None:
    found = quota_dict([(quota(100), Need(3, 6)), (quota(10, 4), Need(2, 5))])
    assert (found["fits"], found["needed"], found["available"]) == (False, 11, 104)
    assert [one["lanes_that_fit"] for one in found["regions"]] == [50, 1]
