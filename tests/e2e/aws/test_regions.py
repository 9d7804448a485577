"""Lanes in two regions: one bucket, a function in each, one report that tells them apart.

The account is provisioned again with the second region beside the first, as a user would add one later.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from orchestrator.package.build import Package
from tests.e2e.aws.account import FANOUT, OTHER_REGION, Account, doubts
from tests.e2e.harness import assert_all_balance, config
from tests.e2e.served import served
from tests.emulators.ministack import REGION

RATE, LENGTH_S = 20, 6

pytestmark = pytest.mark.skipif(
    os.environ.get("BENCHCTL_E2E_AWS") != "all", reason="a minute of Terraform's waits: make e2e-aws"
)


def test_each_region_serves_its_lanes(account: Account, worker_package: Package) -> None:
    up = account.up(worker_package.path, OTHER_REGION)
    assert up.exit_code == 0, up.stdout + up.stderr
    with account.server(ttft_s=0.05, itl_s=0.005) as server:
        stages = [{"rate": RATE, "duration": LENGTH_S}]
        fanout = {**FANOUT, "regions": [REGION, OTHER_REGION]}
        ended = account.launch(config(server.url, stages, fanout=fanout, load={"request_timeout": "3s"}))
        assert ended.exit_code in (0, 3, 4), ended.stdout + ended.stderr
        seen = served(server, ended.result["run_id"])
    summary = ended.summary()
    assert_all_balance(summary)
    assert doubts(ended) == {} and summary["ledger"]["ok"] == RATE * LENGTH_S
    assert sorted(one.k for one in seen) == list(range(RATE * LENGTH_S))
    rows = ended.requests()
    assert set(zip(rows["lane"], rows["region"])) == {(0, REGION), (1, OTHER_REGION)}
    assert Counter(rows["region"]) == {REGION: RATE * LENGTH_S // 2, OTHER_REGION: RATE * LENGTH_S // 2}
