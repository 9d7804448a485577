"""From a command line to a plan: everything that cannot run is refused here, with all of it said at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from function.contract.errors import UsageError
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.launch.locate import RUN_ID
from orchestrator.launch.prepare import Asked, Prepared, likely_lanes, linger_s, new_run_id, prepare
from tests.emulators.played_lambda import provision


def written(folder: Path, **sections: Any) -> str:
    tree = {
        "server": {"type": "vllm", "base_url": "http://127.0.0.1:9/v1/", "model_name": "m"},
        "data": {"type": "mock"},
        "load": {"type": "constant", "base_seed": 3, "stages": [{"rate": 10, "duration": 2}]},
        **sections,
    }
    path = folder / "c.yaml"
    path.write_text(json.dumps(tree))
    return str(path)


def prepared(folder: Path, asked: dict[str, Any] | None = None, **sections: Any) -> Prepared:
    return prepare(Asked(written(folder, **sections), **(asked or {})), {"KEY": "k"})


def test_a_sound_config_is_ready_to_be_planned(tmp_path: Path) -> None:
    ready = prepared(tmp_path, {"run_id": "mine", "assignments": ("load.stages.0.rate=20",)})
    assert ready.run_id == "mine"
    assert ready.config.load.stages[0].rate == 20
    assert [problem.severity for problem in ready.problems] == ["warning"] * len(ready.problems)


def test_everything_refused_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        prepared(
            tmp_path,
            server={"type": "vllm", "base_url": "http://h", "api_key": {"env": "UNSET"}},
            metrics={"type": "prometheus", "prometheus": {"url": "http://p", "scrape_interval": 1}},
            api={"slo_unit": "ms"},
        )
    assert {problem.path for problem in refused.value.problems} >= {"server.api_key", "metrics.type", "api.slo_unit"}
    assert refused.value.exit_code == 2


def test_regions_have_no_effect_here_which_is_said(tmp_path: Path) -> None:
    found = prepared(tmp_path, fanout={"regions": ["eu-west-1"]}).problems
    assert [(one.code, one.path, one.severity) for one in found if one.path.startswith("fanout")] == [
        ("no_effect", "fanout.regions", "warning")
    ]


def test_a_cloud_brings_its_root_its_functions_and_their_limits(tmp_path: Path) -> None:
    state = tmp_path / "state"
    provision(state, "s3://bucket", "http://h:80", timeout_s=300)
    server = {"type": "vllm", "model_name": "m", "base_url": "http://h"}
    asked = {"provider": "aws", "state": str(state)}
    home = prepared(tmp_path, asked, server=server, fanout={"lease": 10})
    assert home.cloud is not None and home.root == "s3://bucket"
    platform = home.cloud.platform
    assert (platform.invocation_s, [one.region for one in platform.regions]) == (300, ["us-east-1"])
    both = prepared(
        tmp_path, {**asked, "root": "/x"}, server=server, fanout={"lease": 10, "regions": ["eu-west-1", "us-east-1"]}
    )
    assert both.root == "/x" and both.cloud is not None
    assert [one.region for one in both.cloud.platform.regions] == ["eu-west-1", "us-east-1"]
    with pytest.raises(UsageError) as refused:
        prepared(tmp_path, asked, server=server, fanout={"lease": 10, "regions": ["mars-1"]})
    assert (refused.value.code, refused.value.path) == ("region_not_provisioned", "fanout.regions")


def test_nothing_provisioned_is_refused_or_done_without(tmp_path: Path) -> None:
    server = {"type": "vllm", "model_name": "m", "base_url": "http://h"}
    asked = Asked(written(tmp_path, server=server, fanout={"lease": 10}), "aws", state=str(tmp_path / "none"))
    with pytest.raises(UsageError) as refused:
        prepare(asked, {})
    assert refused.value.code == "not_provisioned" and "infra up" in refused.value.hint
    assert prepare(asked, {}, provisioned=False).cloud is None


def test_run_ids_made_here_are_run_ids_and_differ() -> None:
    made = {new_run_id() for _ in range(20)}
    assert len(made) > 15
    assert all(RUN_ID.fullmatch(one) and re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", one) for one in made)


def test_a_bad_run_id_is_refused_before_the_config_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        prepare(Asked(str(tmp_path / "nowhere.yaml"), run_id="../x"))
    assert refused.value.code == "run_id"


def test_what_starts_early_is_guessed_from_the_config(tmp_path: Path) -> None:
    assert likely_lanes(prepared(tmp_path, fanout={"lanes": 5}).config) == 5
    assert likely_lanes(prepared(tmp_path).config) <= 2
    assert linger_s(prepared(tmp_path, fanout={"lease": 10, "drain": 7}).config) == 17
    assert linger_s(prepared(tmp_path, fanout={"lease": 10}).config) == 130
