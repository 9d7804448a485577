"""How many functions may run at once on AWS, against what a run needs at its peak: at a seam both slices' are alive.

Pure: the numbers were read elsewhere. A fresh account often has 10, and 100 of an account's must stay unreserved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from orchestrator.checkup.check import Check

QUOTA = "L-B99A9384"  # Lambda, concurrent executions
KEPT_UNRESERVED = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """One region's. `account`: the quota; `unreserved`: what of it no function has for itself; `reserved`: what ours
    has for itself, None: nothing. `in_use`: of the share ours lives in, over the last minutes; None: not known."""

    region: str
    account: int
    unreserved: int
    reserved: int | None
    in_use: int | None

    @property
    def available(self) -> int:
        return self.unreserved if self.reserved is None else self.reserved


@dataclass(frozen=True, slots=True)
class Need:
    """What a run asks of one region: its lanes there, and the most invocations alive at once."""

    lanes: int
    peak: int

    @property
    def per_lane(self) -> int:
        return max(1, math.ceil(self.peak / self.lanes)) if self.lanes else 1


def lanes_that_fit(quota: Quota, need: Need) -> int:
    return quota.available // need.per_lane


def check_quota(quota: Quota, need: Need) -> Check:
    whose = f"reserved for the function, of the account's {quota.account:,}"
    if quota.reserved is None:
        whose = f"not reserved by others, of the account's {quota.account:,}"
    have = f"{quota.available:,} at once in {quota.region} ({whose})"
    used = "" if quota.in_use is None else f", {quota.in_use:,} in use"
    what = f"{need.peak:,} functions needed for {need.lanes:,} lanes; {have}{used}"
    if quota.reserved == 0:
        hint = "benchctl infra up --provider aws lets it run again"
        what = f"the function in {quota.region} is stopped: nothing of it may run"
        return Check("quota", "fail", what, hint, "function_stopped")
    if need.peak > quota.available:
        fit = lanes_that_fit(quota, need)
        return Check("quota", "fail", f"{what}: {fit:,} lanes fit", _hint(quota, need, fit), "quota", "fanout.lanes")
    if quota.in_use and quota.reserved is None and need.peak > quota.available - quota.in_use:
        hint = "wait for what else runs there, or use fewer fanout.lanes"
        return Check("quota", "warn", what, hint, "quota_in_use", "fanout.lanes")
    return Check("quota", "ok", what)


def _hint(quota: Quota, need: Need, fit: int) -> str:
    fewer = f"fanout.lanes: {fit}" if fit else "no lane fits"
    if quota.reserved is not None:
        room = quota.account - KEPT_UNRESERVED
        more = f"reserve {need.peak:,} with benchctl infra up"
        if need.peak > room:
            more = f"no more than {max(room, 0):,} can be reserved there: raise Lambda's quota {QUOTA} first"
        return f"{fewer}, or {more}"
    more = f"raise Lambda's quota {QUOTA} (concurrent executions) in {quota.region} to {need.peak + KEPT_UNRESERVED:,}"
    if quota.account < KEPT_UNRESERVED + need.peak:
        more += f"; nothing can be reserved before, since {KEPT_UNRESERVED} must stay unreserved"
    return f"{fewer}, or {more}"


def quota_dict(quotas: list[tuple[Quota, Need]]) -> dict[str, Any]:
    """For `plan --json`. `fits`: in every region."""
    return {
        "fits": all(need.peak <= quota.available for quota, need in quotas),
        "needed": sum(need.peak for _, need in quotas),
        "available": sum(quota.available for quota, _ in quotas),
        "regions": [
            {
                "region": quota.region,
                "account": quota.account,
                "unreserved": quota.unreserved,
                "reserved": quota.reserved,
                "in_use": quota.in_use,
                "needed": need.peak,
                "lanes": need.lanes,
                "lanes_that_fit": lanes_that_fit(quota, need),
            }
            for quota, need in quotas
        ],
    }
