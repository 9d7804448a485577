"""The whole journey on AWS: a plan over several slices, functions from the real package, one report; and law 1.

One run on the emulated account and one on this machine, from the same config against the same server, looked at from
all sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from tests.e2e.aws.account import BUCKET, FANOUT, Account, doubts
from tests.e2e.harness import Ended, assert_all_balance, config, launch, read_json
from tests.e2e.served import Served, served

RATE, SLICE_S, SLICES, LANES = 20, 6, 3, 2
SEAM_TOLERANCE_S = 0.03


@dataclass
class Journey:
    aws: Ended
    local: Ended
    seen: list[Served]
    seen_locally: list[Served]
    folder: Path  # of the run on AWS, fetched from the bucket


def settings(url: str, **load: Any) -> dict[str, Any]:
    stages = [{"rate": RATE, "duration": SLICE_S * SLICES}]
    given = {"type": "constant", "base_seed": 7, "interval": 0, "stages": stages, "request_timeout": "3s", **load}
    return config(url, stages, fanout=FANOUT, load=given)


@pytest.fixture(scope="module")
def journey(
    being_provisioned: tuple[Account, Future[Ended]], request: pytest.FixtureRequest, tmp_path_factory: Any
) -> Iterator[Journey]:
    waiting, _ = being_provisioned
    with waiting.server(ttft_s=0.05, itl_s=0.005) as server:
        wanted = settings(server.url)
        here = launch(tmp_path_factory.mktemp("local"), {**wanted, "fanout": {"lanes": 1}})
        assert here.exit_code in (0, 3, 4), here.stdout + here.stderr
        account: Account = request.getfixturevalue("account")
        for _ in range(2):  # once more where the machine disturbed it
            on_aws = account.launch(wanted)
            assert on_aws.exit_code in (0, 3, 4), on_aws.stdout + on_aws.stderr
            if on_aws.exit_code == 0 or doubts(on_aws):
                break
        run_id = on_aws.result["run_id"]
        yield Journey(
            on_aws, here, served(server, run_id), served(server, here.result["run_id"]), account.fetch(run_id)
        )


def test_a_run_over_several_slices_is_valid(journey: Journey) -> None:
    summary = journey.aws.summary()
    assert summary["verdict"] == "VALID" and journey.aws.exit_code == 0, summary["findings"]
    assert summary["provider"] == "aws" and not summary["aborted"]
    assert_all_balance(summary)
    assert summary["ledger"]["ok"] == summary["ledger"]["planned"] == RATE * SLICE_S * SLICES
    assert {shard["shard"] for shard in summary["shards"]} == {
        f"0-{k}-{s}" for k in range(LANES) for s in range(SLICES)
    }
    assert {shard["state"] for shard in summary["shards"]} == {"complete"}


def test_every_shard_was_one_invocation_of_the_real_package(journey: Journey, account: Account) -> None:
    deliveries = account.deliveries(journey.aws.result["run_id"])
    assert sorted(str(one.event["shard"]) for one in deliveries) == sorted(
        shard["shard"] for shard in journey.aws.summary()["shards"]
    )
    assert {one.outcome for one in deliveries} == {"response"}
    assert {"run", "shard", "attempt", "plan_hash", "not_after"} == {key for one in deliveries for key in one.event}


def test_law_1_the_same_requests_as_on_this_machine(journey: Journey) -> None:
    for seen in (journey.seen, journey.seen_locally):
        assert sorted(one.k for one in seen) == list(range(RATE * SLICE_S * SLICES)), "each request once"
    assert {one.k: one.body for one in journey.seen} == {one.k: one.body for one in journey.seen_locally}
    assert journey.aws.requests()["scheduled_ns"] == journey.local.requests()["scheduled_ns"]
    there = read_json(journey.folder / "plan.json")
    assert there["workload_hash"] == read_json(journey.local.run_folder() / "plan.json")["workload_hash"]


def test_the_report_has_the_form_of_the_local_one(journey: Journey) -> None:
    there, here = (ended.run_folder() / "report" for ended in (journey.aws, journey.local))
    assert sorted(path.name for path in there.iterdir()) == sorted(path.name for path in here.iterdir())
    assert shape(journey.aws.summary()) == shape(journey.local.summary())
    schemas = [pq.read_schema(folder / "requests.parquet") for folder in (there, here)]
    assert schemas[0].equals(schemas[1])
    assert set(journey.aws.requests()["region"]) == {"us-east-1"}


def test_seams_cannot_be_seen_at_the_server(journey: Journey) -> None:
    t0 = read_json(journey.folder / "go" / "0-0.json")["t0_unix_ns"]
    arrived = np.sort([(one.arrived_unix_ns - t0) / 1e9 for one in journey.seen])
    gaps, ends = np.diff(arrived), arrived[1:]
    near = np.zeros(gaps.size, dtype=bool)
    for seam in range(1, SLICES):
        near |= np.abs(ends - seam * SLICE_S) <= 1.0
    assert gaps[near].max() - gaps[~near].max() <= SEAM_TOLERANCE_S


def test_the_report_is_in_the_bucket_too(journey: Journey) -> None:
    summary = json.loads((journey.folder / "report" / "summary.json").read_text())
    assert summary["run_id"] == journey.aws.result["run_id"] and summary["verdict"] == "VALID"


def test_the_worker_may_write_where_a_worker_writes_and_nowhere_else(journey: Journey, account: Account) -> None:
    s3 = as_worker(account, account.cloud.url)
    run = f"runs/{journey.aws.result['run_id']}"
    s3.put_object(Bucket=BUCKET, Key=f"{run}/progress/0-9-9.0", Body=b"{}")
    for key in ("elsewhere", f"{run}/control.json", f"{run}/go/0-7.json", f"{run}/plan.json", "runs-of-others/x"):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
        assert refused.value.response["Error"]["Code"] == "AccessDenied", key
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=BUCKET, Key=f"{run}/receipts/0-0-0.json")


def test_the_bucket_refuses_plain_http(journey: Journey, account: Account) -> None:
    """The emulated cloud's front says that it was reached by TLS; its upstream, asked directly, is plain http."""
    key = f"runs/{journey.aws.result['run_id']}/control.json"
    as_worker(account, account.cloud.url).get_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError) as refused:
        as_worker(account, account.cloud.upstream).get_object(Bucket=BUCKET, Key=key)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_its_logs_can_be_read(journey: Journey, account: Account) -> None:
    told = account.benchctl("logs", journey.aws.result["run_id"], "--root", f"s3://{BUCKET}", "--json")
    assert told.exit_code == 0, told.stdout + told.stderr


def test_doctor_finds_everything_in_order(journey: Journey, account: Account) -> None:
    found = account.benchctl("doctor", "--provider", "aws", "--json")
    bad = [check for check in found.result["checks"] if check["state"] == "fail"]
    assert found.exit_code == 0 and not bad, bad


def as_worker(account: Account, url: str) -> Any:
    import boto3

    role = account.client("lambda").get_function_configuration(FunctionName="benchctl-worker")["Role"]
    given = account.client("sts").assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def shape(value: Any) -> Any:
    """The keys of a summary, and what kind of value each has; an interval may be null, as a number may."""
    if isinstance(value, dict):
        return {key: shape(below) for key, below in value.items() if key != "numbers"}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shape(value[0])]
    return "measured or null" if value is None or isinstance(value, int | float | list) else type(value).__name__
