"""`benchctl infra` with the real Terraform and provider against an AWS on loopback: two regions, a drift, kept data.

Who provisions is a user with the permissions that docs/how-to/aws.md gives, and no others. Three minutes, nearly all of
them waits inside the provider: part of `make e2e-aws` only.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from orchestrator.package.build import own_sources
from orchestrator.providers.deployment import read_deployment
from tests.e2e.harness import REPOSITORY, Ended, benchctl
from tests.emulators.ministack import ACCOUNT, MinistackUnavailable, RunningMinistack, running_ministack
from tests.emulators.terraform import terraform_environment

# The provider takes the keys that it is given; the port speaks plain http, which the bucket's policy would refuse.
PROVIDER_OVER_PLAIN_HTTP = """
provider "aws" {
  s3_use_path_style       = true
  skip_metadata_api_check = true
  skip_region_validation  = true
}
"""
NO_TLS_POLICY = 'resource "aws_s3_bucket_policy" "runs" {\n  count = 0\n}\n'
HOME, OTHER = "eu-west-1", "us-east-1"
BUCKET = f"benchctl-runs-{ACCOUNT}-{HOME}"

pytestmark = pytest.mark.skipif(
    os.environ.get("BENCHCTL_E2E_AWS") != "all", reason="three minutes of Terraform's waits: make e2e-aws"
)


@dataclass(slots=True)
class Cloud:
    server: RunningMinistack
    folder: Path
    terraform: dict[str, str]
    user: dict[str, str]

    def infra(self, *words: str, code: int = 0) -> dict[str, Any]:
        command = ["infra", *words, "--provider", "aws", "--state", str(self.folder / "state"), "--json"]
        environment = {**self.server.environment(), **self.terraform, **self.user}
        ended: Ended = benchctl(self.folder, *command, env=environment, timeout=280)
        assert ended.exit_code == code, ended.stdout + ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer

    def client(self, service: str, region: str = HOME) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.server.url, region_name=region, **keys)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    terraform = terraform_environment(tmp_path)
    try:
        with running_ministack(auth=True) as server:
            made = Cloud(server, tmp_path, terraform, {})
            made.user.update(_provisioner(made.client("iam")))
            yield made
    except MinistackUnavailable as error:
        pytest.skip(f"SKIPPED FOR WANT OF A PART: {error}")


def _provisioner(iam: Any) -> dict[str, str]:
    """A user with the documented policy; its keys as variables."""
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="provision", PolicyDocument=_documented_policy())
    # ministack does not find the names in two of these requests, and takes GetAlias and its kin for ListAliases.
    actions = ["lambda:CreateFunction", "iam:CreatePolicy", "lambda:ListAliases"]
    odd = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [odd]})
    iam.put_user_policy(UserName="ann", PolicyName="ministack", PolicyDocument=document)
    keys = iam.create_access_key(UserName="ann")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]}


def _documented_policy() -> str:
    text = (REPOSITORY / "docs" / "how-to" / "aws.md").read_text()
    found = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1].replace("123456789012", ACCOUNT)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in own_sources().items():
            archive.writestr(name, body)
    return path


@pytest.mark.timeout(600)
def test_up_in_two_regions_a_drift_and_down_with_the_data_kept(cloud: Cloud, package: Path) -> None:
    own = cloud.folder / "state" / "aws" / "emulator.tf"
    own.parent.mkdir(parents=True)
    own.write_text(PROVIDER_OVER_PLAIN_HTTP)
    own.with_name("plain_override.tf").write_text(NO_TLS_POLICY)
    regions = ["--region", HOME, "--region", OTHER]
    variables = ["--var", "allowed_targets=https://a.example", "--var", "max_lanes=3"]
    made = cloud.infra("up", *regions, *variables, "--package", str(package), "--yes")
    assert [found["applied"] for found in made["result"]["regions"]] == [True, True]
    assert made["problems"] == []
    deployment = read_deployment("aws", cloud.folder / "state")
    assert (deployment.root_uri, deployment.region_names) == (f"s3://{BUCKET}", (HOME, OTHER))
    _same_limits_and_secrets(cloud)

    stands = cloud.infra("status", "--refresh")
    assert [found["differences"] for found in stands["result"]["regions"]] == [[], []]

    _let_events_be_retried(cloud)
    drifted = cloud.infra("status", "--refresh")
    assert [found["differences"] for found in drifted["result"]["regions"]] == [
        [],
        [{"address": "aws_lambda_function_event_invoke_config.live", "action": "update"}],
    ]
    assert [problem["code"] for problem in drifted["problems"]] == ["drift"]

    _write_versions(cloud)
    gone = cloud.infra("down", "--keep-data", "--yes")
    assert gone["result"]["kept"] == f"s3://{BUCKET}"
    left = sorted(path.name for path in cloud.folder.joinpath("state").rglob("*") if path.is_file())
    assert left == ["emulator.tf", "plain_override.tf"]
    _only_the_bucket_is_left(cloud)


def _same_limits_and_secrets(cloud: Cloud) -> None:
    """The second region's worker has the first one's bucket and secret."""
    found = [
        cloud.client("lambda", region).get_function_configuration(FunctionName="benchctl-worker", Qualifier="live")
        for region in (HOME, OTHER)
    ]
    assert found[0]["Environment"] == found[1]["Environment"]
    assert found[0]["Environment"]["Variables"]["BENCHCTL_ROOT_URI"] == f"s3://{BUCKET}"
    policy = cloud.client("iam").get_role_policy(RoleName=f"benchctl-worker-{OTHER}", PolicyName="worker")
    assert f":secretsmanager:{HOME}:" in json.dumps(policy["PolicyDocument"])


def _let_events_be_retried(cloud: Cloud) -> None:
    functions = cloud.client("lambda", OTHER)
    live = {"FunctionName": "benchctl-worker", "Qualifier": "live"}
    held = functions.get_function_event_invoke_config(**live)
    kept = {name: held[name] for name in ("MaximumEventAgeInSeconds", "DestinationConfig")}
    functions.put_function_event_invoke_config(**live, **kept, MaximumRetryAttempts=2)


def _write_versions(cloud: Cloud) -> None:
    for body in (b"1", b"2"):
        cloud.client("s3").put_object(Bucket=BUCKET, Key="runs/a/plan.json", Body=body)


def _only_the_bucket_is_left(cloud: Cloud) -> None:
    storage = cloud.client("s3")
    assert storage.get_object(Bucket=BUCKET, Key="runs/a/plan.json")["Body"].read() == b"2"
    assert storage.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    for region in (HOME, OTHER):
        assert cloud.client("lambda", region).list_functions()["Functions"] == []
        assert cloud.client("sqs", region).list_queues().get("QueueUrls", []) == []
        assert cloud.client("logs", region).describe_log_groups()["logGroups"] == []
        assert cloud.client("secretsmanager", region).list_secrets()["SecretList"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("iam").list_policies(Scope="Local")["Policies"] == []
