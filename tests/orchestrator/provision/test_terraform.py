"""The door to terraform: found or not, its words, its environment, and how it is stopped."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from function.contract.errors import ProviderError, UsageError
from orchestrator.provision.terraform import Terraform, find_terraform
from tests.emulators import fake_terraform

VALUES = {"package": {"code_version": "0" * 16, "architecture": "arm64"}}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    fake_terraform.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", fake_terraform.path_with(tmp_path / "bin"))
    return find_terraform()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "region"
    made.mkdir()
    (made / "benchctl.auto.tfvars.json").write_text(json.dumps(VALUES))
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def terraform(program: str, folder: Path, said: list[str]) -> Terraform:
    return Terraform(program, folder, "eu-west-1", said.append)


def written(folder: Path, name: str, text: str) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_missing_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as refused:
        find_terraform()
    assert (refused.value.code, refused.value.exit_code) == ("terraform_missing", 2)
    assert "https://developer.hashicorp.com/terraform/install" in refused.value.hint


@pytest.mark.parametrize("version", ["1.8.5", "0.15.0"])
def test_too_old(program: str, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("FAKE_VERSION", version)
    with pytest.raises(UsageError) as refused:
        find_terraform()
    assert refused.value.code == "terraform_too_old"


@pytest.mark.parametrize("version", ["1.9.0", "1.14.0-rc1", "2.0.0"])
def test_new_enough(program: str, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("FAKE_VERSION", version)
    assert find_terraform() == program


def test_something_else_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "terraform", "echo no; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(UsageError) as refused:
        find_terraform()
    assert refused.value.code == "terraform_missing"


def test_plan_apply_read_destroy(terraform: Terraform, folder: Path, said: list[str]) -> None:
    terraform.init()
    assert terraform.resources() == []
    assert terraform.plan().count("create") == 2
    assert terraform.shown() == "the plan for people\n"
    terraform.apply()
    assert said == ["Creating..."]
    assert not (folder / "benchctl.tfplan").exists()
    assert terraform.outputs()["region"] == "eu-west-1"
    assert "aws_s3_bucket.runs[0]" in terraform.resources()
    terraform.release(["aws_s3_bucket.runs[0]"])
    assert terraform.plan("-destroy").count("delete") == 1
    terraform.apply()
    assert terraform.outputs() == {}


def test_a_failed_init_is_told_without_its_frame(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAIL", "init")
    with pytest.raises(ProviderError) as failed:
        Terraform(program, folder, "eu-west-1", print).init()
    words = "terraform init failed: Error: Failed to query available provider packages no answer"
    assert failed.value.message == words


@pytest.mark.parametrize("words", ["No valid credential sources found", "ExpiredToken: the token has expired"])
def test_credentials_are_the_users_to_mend(tmp_path: Path, folder: Path, words: str) -> None:
    event = json.dumps({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": words}})
    terraform = Terraform(written(tmp_path, "t", f"echo '{event}'; exit 1"), folder, "eu-west-1", print)
    with pytest.raises(UsageError) as refused:
        terraform.plan()
    assert (refused.value.code, refused.value.exit_code) == ("credentials", 2)


def test_a_value_that_the_module_refuses_is_the_users_to_mend(tmp_path: Path, folder: Path) -> None:
    said = {"severity": "error", "summary": "Invalid value for variable", "detail": "max_lanes: a whole number."}
    event = json.dumps({"type": "diagnostic", "diagnostic": said})
    terraform = Terraform(written(tmp_path, "t", f"echo '{event}'; exit 1"), folder, "eu-west-1", print)
    with pytest.raises(UsageError, match="max_lanes: a whole number") as refused:
        terraform.plan()
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("variable", "--var", 2)


def test_what_it_runs_in(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_WORKSPACE", "other")
    monkeypatch.setenv("TF_DATA_DIR", "/elsewhere")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    terraform = Terraform(written(tmp_path, "t", "env; pwd"), folder, "eu-west-1", print)
    words = terraform.shown().splitlines()
    assert f"TF_DATA_DIR={folder / '.terraform'}" in words
    assert {"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_PROFILE=mine", "TF_INPUT=0"} <= set(words)
    assert not [word for word in words if word.startswith("TF_WORKSPACE")]
    assert words[-1] == str(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_ends_what_it_does_and_so_do_we(
    terraform: Terraform, folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    terraform.plan()
    monkeypatch.setenv("FAKE_SLOW", "1")
    slow = Terraform(find_terraform(), folder, "eu-west-1", said.append)

    def tap() -> None:
        deadline = time.monotonic() + 20
        while not any("Still" in line for line in said) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=tap).start()
    with pytest.raises(KeyboardInterrupt):
        slow.apply()
    assert (folder / "terraform.tfstate").exists()  # written after it was told


def test_it_does_not_outlive_a_failure_of_ours(
    terraform: Terraform, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terraform.plan()
    monkeypatch.setenv("FAKE_SLOW", "1")

    def full(line: str) -> None:
        if "Still" in line:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Terraform(find_terraform(), folder, "eu-west-1", full).apply()
    assert (folder / "terraform.tfstate").exists()
