"""What infra up leaves is what launch reads, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.errors import UsageError
from orchestrator.providers import deployment as module
from orchestrator.providers.deployment import (
    Deployment,
    RegionDeployment,
    deployment_path,
    read_deployment,
    remove_deployment,
    state_folder,
    write_deployment,
)


def region(name: str = "eu-west-1", **changes: object) -> RegionDeployment:
    values: dict[str, object] = {
        "region": name,
        "function": f"arn:aws:lambda:{name}:000000000000:function:benchctl-worker:live",
        "function_name": "benchctl-worker",
        "alias": "live",
        "code_version": "0123456789abcdef",
        "failure_queue": f"https://sqs.{name}.amazonaws.com/000000000000/benchctl-failed",
        "log_group": "/aws/lambda/benchctl-worker",
        "max_lanes": 50,
        "timeout_s": 900,
        "memory_mb": 1769,
        "architecture": "arm64",
        "worker_role": "arn:aws:iam::000000000000:role/benchctl-worker",
    }
    return RegionDeployment(**{**values, **changes})  # type: ignore[arg-type]


def deployment(*regions: RegionDeployment) -> Deployment:
    return Deployment(provider="aws", root_uri="s3://bucket", regions=regions or (region(),))


@settings(max_examples=30)
@given(
    names=st.lists(st.text("abcdef-1", min_size=1), min_size=1, max_size=4, unique=True),
    targets=st.lists(st.text(min_size=1), max_size=3),
    reserved=st.none() | st.integers(0, 10_000),
)
def test_what_is_written_is_read(
    names: list[str], targets: list[str], reserved: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("state")
    made = deployment(*(region(name, allowed_targets=tuple(targets), reserved_concurrency=reserved) for name in names))
    path = write_deployment(made, folder)
    assert path == deployment_path("aws", folder)
    assert read_deployment("aws", folder) == made
    assert os.listdir(path.parent) == ["deployment.json"]  # no temporary file stays


def test_the_names_are_the_outputs_of_the_module(tmp_path: Path) -> None:
    path = write_deployment(deployment(), tmp_path)
    written = json.loads(path.read_text())
    assert set(written) == {"schema_version", "provider", "root_uri", "regions"}
    assert set(written["regions"][0]) == {
        *("region", "function", "function_name", "alias", "code_version", "failure_queue", "log_group", "max_lanes"),
        *("timeout_s", "memory_mb", "architecture", "allowed_targets", "secrets", "worker_role"),
        "reserved_concurrency",
    }


def test_the_first_region_is_home_and_an_unknown_one_is_refused() -> None:
    made = deployment(region("eu-west-1"), region("us-east-1"))
    assert made.home.region == "eu-west-1"
    assert made.region("us-east-1").region == "us-east-1"
    with pytest.raises(UsageError) as refused:
        made.region("ap-south-1")
    assert refused.value.code == "region_not_provisioned"
    assert "eu-west-1, us-east-1" in refused.value.hint


def test_without_one_the_command_that_makes_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_deployment("aws", tmp_path / "none")
    assert refused.value.code == "not_provisioned"
    assert "benchctl infra up --provider aws" in refused.value.hint


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"schema_version": 2}, "schema version 2"),
        ({"provider": "gcp"}, "gcp"),
        ({"regions": []}, "no region"),
        ({"regions": [{"region": "eu-west-1"}]}, "function"),
        ({"root_uri": 7}, "root_uri"),
    ],
)
def test_one_that_cannot_be_used_is_refused(tmp_path: Path, change: dict[str, object], word: str) -> None:
    path = write_deployment(deployment(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UsageError) as refused:
        read_deployment("aws", tmp_path)
    assert refused.value.code == "deployment_unreadable"
    assert word in refused.value.message


def test_a_write_that_fails_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_deployment(deployment(), tmp_path)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_deployment(deployment(region("us-east-1")), tmp_path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["deployment.json"]


def test_removed_once_or_twice(tmp_path: Path) -> None:
    write_deployment(deployment(), tmp_path)
    remove_deployment("aws", tmp_path)
    remove_deployment("aws", tmp_path)
    assert not deployment_path("aws", tmp_path).exists()


def test_where_the_state_lies() -> None:
    assert state_folder("x", {"BENCHCTL_STATE": "y"}) == Path("x")
    assert state_folder(None, {"BENCHCTL_STATE": "y"}) == Path("y")
    assert state_folder(None, {"BENCHCTL_STATE": ""}) == Path(".benchctl")
