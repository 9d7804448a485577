"""A provisioned account for end-to-end tests: everything as a user does it, by `benchctl infra up` and `launch`.

What launches has the orchestrator's own role, so that IAM says no where the module's policy forgets something.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.e2e.harness import Ended, benchctl, start, write_config
from tests.emulators.aws.cloud import Cloud
from tests.emulators.aws.lambda_service import Delivery
from tests.emulators.ministack import ACCOUNT, REGION, free_port
from tests.emulators.mock import RunningMock, running_mock

NAME = "benchctl"
FUNCTION = f"{NAME}-worker"
OTHER_REGION = "us-west-2"
BUCKET = f"{NAME}-runs-{ACCOUNT}-{REGION}"
TIMEOUT_S = 40
MAX_LANES = 8
# What a run spends beside its slice is shortened with the limit: 10 + 3 s wait, 3 s drain, 3 s flush, 15 s margin.
FANOUT = {
    "lanes": 2,
    "slice": "6s",
    "lead": "6s",
    "ready": {"min": 1.0, "timeout": "10s"},
    "start_delay": "3s",
    "lease": "12s",
    "drain": "3s",
    "flush": "3s",
}
# What a shared test machine does to a worker's clock and sends, whatever was planned: not what these tests are about.
OF_THE_MACHINE = {
    "cpu_saturated",
    "interference",
    "late_median",
    "late_tail",
    "loop_lag",
    "saturated",
    "stamps_shared",
    "suspended",
    "trend",
    "warmup_suspected",
}
# The module is used as it is; only the provider is told that AWS is a loopback port here.
PROVIDER = """
provider "aws" {
  access_key              = "test"
  secret_key              = "test"
  s3_use_path_style       = true
  skip_metadata_api_check = true
  skip_region_validation  = true
}
"""


def doubts(ended: Ended) -> dict[str, str]:
    """The findings that cost a verdict, but for those of the machine: code -> message."""
    found = [one for one in ended.summary()["findings"] if one["severity"] != "info"]
    return {one["code"]: one["message"] for one in found if one["code"] not in OF_THE_MACHINE}


@dataclass(slots=True)
class Account:
    """`ports`: those of loopback that workers may call."""

    cloud: Cloud
    folder: Path
    terraform: Mapping[str, str]
    ports: tuple[int, ...] = field(default_factory=lambda: (free_port(), free_port()))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def root_environment(self) -> dict[str, str]:
        return {**self.cloud.environment(), **self.terraform, "BENCHCTL_STATE": str(self.state)}

    def environment(self) -> dict[str, str]:
        """With the orchestrator's role, for everything but provisioning."""
        sts = self.client("sts")
        role = f"arn:aws:iam::{ACCOUNT}:role/{NAME}-orchestrator-{REGION}"
        given = sts.assume_role(RoleArn=role, RoleSessionName="orchestrator")["Credentials"]
        return {
            **self.cloud.environment(),
            "BENCHCTL_STATE": str(self.state),
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def client(self, service: str, region: str = REGION) -> Any:
        """boto3's, as root."""
        return boto3.client(
            service,
            endpoint_url=self.cloud.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def up(self, package: Path, *more_regions: str) -> Ended:
        provider = self.state / "aws" / "emulator.tf"
        provider.parent.mkdir(parents=True, exist_ok=True)
        provider.write_text(PROVIDER)
        variables = {
            "allowed_targets": ",".join(f"http://127.0.0.1:{port}" for port in self.ports),
            "allowed_cidrs": "127.0.0.0/8",
            "timeout_s": str(TIMEOUT_S),
            "max_lanes": str(MAX_LANES),
            "orchestrator": json.dumps({"principals": [f"arn:aws:iam::{ACCOUNT}:root"]}),
        }
        given = [word for name, value in variables.items() for word in ("--var", f"{name}={value}")]
        regions = [word for region in (REGION, *more_regions) for word in ("--region", region)]
        command = ["infra", "up", "--provider", "aws", *regions, "--package", str(package)]
        return self.benchctl(*command, *given, "--yes", "--json", env=self.root_environment(), timeout=240)

    def down(self) -> Ended:
        command = ["infra", "down", "--provider", "aws", "--yes", "--json"]
        return self.benchctl(*command, env=self.root_environment(), timeout=240)

    def benchctl(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 180) -> Ended:
        return benchctl(self.folder, *arguments, env=env or self.environment(), timeout=timeout)

    def launch(self, settings: Mapping[str, Any], *arguments: str, timeout: float = 180) -> Ended:
        words = self._launch_words(settings)
        return self.benchctl(*words, *arguments, timeout=timeout)

    def start_launch(self, settings: Mapping[str, Any], *arguments: str) -> subprocess.Popen[str]:
        return start(self.folder, *self._launch_words(settings), *arguments, env=self.environment())

    @contextmanager
    def server(self, **settings: Any) -> Iterator[RunningMock]:
        """The mock server, as a process, on an address that is allowed."""
        with running_mock(settings, port=self.ports[0], log_bodies=True) as server:
            yield server

    def fetch(self, run_id: str) -> Path:
        """The run's folder as the store has it, copied below a local root."""
        root = self.folder / "fetched"
        for key in self.keys(f"runs/{run_id}/"):
            place = root / key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.body(key))
        return root / "runs" / run_id

    def deliveries(self, run_id: str) -> list[Delivery]:
        """The invocations of a run's shards that ran, in order of their ends."""
        return [one for one in self.cloud.service.deliveries if str(one.event.get("run", "")).endswith(f"/{run_id}")]

    def leftovers(self) -> dict[str, list[str]]:
        """What there is of ours in the account, by kind."""
        found = {
            "buckets": [one["Name"] for one in self.client("s3").list_buckets()["Buckets"]],
            "functions": [
                one["FunctionName"]
                for region in (REGION, OTHER_REGION)
                for one in self.client("lambda", region).list_functions()["Functions"]
            ],
            "roles": [one["RoleName"] for one in self.client("iam").list_roles()["Roles"]],
            "policies": [one["PolicyName"] for one in self.client("iam").list_policies(Scope="Local")["Policies"]],
            "queues": self.client("sqs").list_queues().get("QueueUrls", []),
            "logs": [one["logGroupName"] for one in self.client("logs").describe_log_groups()["logGroups"]],
            "secrets": [one["Name"] for one in self.client("secretsmanager").list_secrets()["SecretList"]],
        }
        return {kind: ours for kind, names in found.items() if (ours := [name for name in names if NAME in name])}

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def body(self, key: str) -> bytes:
        read: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return read

    def log_lines(self) -> list[str]:
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{FUNCTION}")
        return [event["message"] for page in pages for event in page["events"]]

    def _launch_words(self, settings: Mapping[str, Any]) -> list[str]:
        number = len(os.listdir(self.folder))
        path = write_config(self.folder, settings, f"config-{number}.yaml")
        return ["launch", path, "--provider", "aws", "--json", "--yes"]
