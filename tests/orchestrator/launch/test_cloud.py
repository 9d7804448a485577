"""From a deployment to what a plan is cut to, and the form in which targets are allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch.cloud import authority, cloud_of, origin
from tests.emulators.played_lambda import provision


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.example.com", "https://api.example.com:443"),
        ("http://10.0.0.7:8000/base", "http://10.0.0.7:8000"),
        ("http://h", "http://h:80"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_an_origin_always_has_its_port(url: str, expected: str) -> None:
    assert origin(url) == expected == origin(expected)
    assert expected.endswith(authority(url))


def test_no_regions_asked_for_is_home_alone(tmp_path: Path) -> None:
    made = provision(tmp_path, "s3://b", "http://t:1")
    assert [one.region for one in cloud_of(made, ()).regions] == ["us-east-1"]
    used = cloud_of(made, ("eu-west-1",))
    (region,) = used.platform.regions
    assert (region.region, region.function) == ("eu-west-1", made.regions[1].function)
    assert (region.failure_queue, region.log_group) == (made.regions[1].failure_queue, made.regions[1].log_group)


def test_several_regions_allow_what_all_of_them_do(tmp_path: Path) -> None:
    from dataclasses import replace

    made = provision(tmp_path, "s3://b", "http://t:1", lanes=10)
    other = replace(made.regions[1], timeout_s=60, max_lanes=4, allowed_targets=("http://u:1", "http://t:1"))
    platform = cloud_of(replace(made, regions=(made.regions[0], other)), made.region_names).platform
    assert (platform.invocation_s, platform.max_lanes, platform.allowed) == (60, 4, ("http://t:1",))
