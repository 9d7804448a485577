"""Names of providers: local and aws open, what is not built says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import ProviderError, UsageError
from function.contract.plan import RegionPlan
from orchestrator.providers.aws import AwsProvider
from orchestrator.providers.local import LocalProvider
from orchestrator.providers.opening import Station, check_provider_built, open_provider


def test_each_opens_with_what_it_needs(tmp_path: Path) -> None:
    assert isinstance(open_provider("local", Station(str(tmp_path), tmp_path)), LocalProvider)
    regions = [RegionPlan("us-east-1", "arn:aws:lambda:us-east-1:1:function:f:live")]
    assert isinstance(open_provider("aws", Station("s3://b/runs/r", tmp_path, {}, regions)), AwsProvider)


def test_a_cloud_without_a_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as refused:
        open_provider("aws", Station("s3://b/runs/r", tmp_path))
    assert refused.value.code == "no_function"


def test_what_is_not_built_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="gcp") as refused:
        check_provider_built("gcp")
    assert (refused.value.code, refused.value.path) == ("not_built", "--provider")


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(Station("r", Path("."), {"KEY": "hunter2"}))
