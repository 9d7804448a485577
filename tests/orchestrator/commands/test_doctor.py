"""`doctor`: what it looks at here, that it leaves nothing behind, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.commands import doctor
from orchestrator.commands.doctor import Asked


def test_a_good_place_is_ok_and_stays_as_it_was(tmp_path: Path) -> None:
    found = doctor.run(Asked(root=str(tmp_path / "not" / "yet")))
    assert found.exit_code == 0 and found.error is None
    states = {check["name"]: check["state"] for check in found.result["checks"]}
    assert states["store"] == "ok" and set(states) == {"python", "open_files", "cores", "store", "clock"}
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_takes_nothing_is_a_failure_with_exit_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = doctor.run(Asked(root=str(tmp_path / "file" / "below")))
    assert found.exit_code in (0, 2)
    found = doctor.run(Asked(root="/proc/nothing"))
    assert (found.exit_code, found.result["state"]) == (2, "fail")
    assert found.error is not None and found.error.code == "preflight" and "store" in found.error.message


def test_a_config_and_its_endpoint_are_looked_at_too(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "server: {type: vllm, model_name: m, base_url: 'http://127.0.0.1:9'}\ndata: {type: mock}\n"
        "load: {type: constant, stages: [{rate: 1, duration: 1}]}\n"
    )
    found = doctor.run(Asked(root=str(tmp_path), config=str(config)))
    failed = [check for check in found.result["checks"] if check["state"] == "fail"]
    assert found.exit_code == 2 and [check["name"] for check in failed] == ["config"]
    assert "cannot be reached" in failed[0]["what"] and failed[0]["hint"]


def test_nothing_provisioned_is_one_failed_check(tmp_path: Path) -> None:
    found = doctor.run(Asked("aws", state=str(tmp_path)))
    (failed,) = [check for check in found.result["checks"] if check["state"] == "fail"]
    assert (found.exit_code, failed["name"]) == (2, "deployment") and "infra up" in failed["hint"]


def test_a_provider_that_is_not_built_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        doctor.run(Asked("gcp"))
    assert refused.value.code == "not_built"
