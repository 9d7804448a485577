"""One region's variables, backend and outputs."""

from __future__ import annotations

from typing import Any

import pytest

from function.contract.errors import ProviderError
from orchestrator.provision.place import Asked, Deployed
from orchestrator.provision.regional import as_deployment, region_values

PACKAGE = Deployed(file="p.zip", code_version="0" * 16, architecture="arm64")
ASKED = Asked(account="1", regions=("a", "b"), package=PACKAGE, variables={"max_lanes": 7, "secret_arns": ["mine"]})
HOME = {"root_uri": "s3://bucket", "secrets": ["arn:secret"], "orchestrator_role": "role"}


def test_home_gets_what_was_asked() -> None:
    package = {"path": "../p.zip", "code_version": "0" * 16, "architecture": "arm64"}
    assert region_values(ASKED, "a", None) == {"max_lanes": 7, "secret_arns": ["mine"], "package": package}


def test_the_others_get_what_home_made() -> None:
    found = region_values(ASKED, "b", HOME)
    assert found["max_lanes"] == 7
    assert (found["existing_bucket"], found["secret_arns"]) == ("bucket", ["arn:secret"])
    assert (found["budget"], found["orchestrator"]) == (None, {"principals": [], "role": "role"})


def test_outputs_are_a_deployment() -> None:
    outputs: dict[str, Any] = {
        "region": "eu-west-1",
        "function": "arn",
        "function_name": "benchctl-worker",
        "alias": "live",
        "code_version": "0" * 16,
        "failure_queue": "https://queue",
        "log_group": "/aws/lambda/benchctl-worker",
        "max_lanes": 50,
        "timeout_s": 900,
        "memory_mb": 1769,
        "architecture": "arm64",
        "allowed_targets": ["https://a:443"],
        "secrets": [],
        "worker_role": "arn:role",
        "root_uri": "s3://bucket",
        "orchestrator_policy": "arn:policy",
    }
    found = as_deployment(outputs)
    assert (found.reserved_concurrency, found.allowed_targets) == (None, ("https://a:443",))
    assert as_deployment({**outputs, "reserved_concurrency": 14}).reserved_concurrency == 14
    with pytest.raises(ProviderError, match="worker_role"):
        as_deployment({name: value for name, value in outputs.items() if name != "worker_role"})
