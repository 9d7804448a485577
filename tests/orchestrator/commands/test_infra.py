"""What `benchctl infra` says: to scripts by name, to people in lines; and what it refuses before it begins."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.commands import infra
from orchestrator.provision import account
from orchestrator.provision import down as down_module
from orchestrator.provision.account import Account
from orchestrator.provision.alive import Runs
from orchestrator.provision.down import Unwanted
from orchestrator.provision.speech import Speech
from orchestrator.provision.up import Wanted
from tests.emulators import fake_terraform

SILENT = Speech(lambda line: None)


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    fake_terraform.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", fake_terraform.path_with(tmp_path / "bin"))
    monkeypatch.setattr(account, "whose_account", lambda region: Account("123456789012", "arn"))
    monkeypatch.setattr(down_module, "look_for_runs", lambda root: Runs(0))
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("function/entry/aws_lambda.py", "")
    return Wanted(
        provider="aws",
        state_dir=tmp_path / "state",
        regions=("eu-west-1",),
        variables=("allowed_targets=https://a.example",),
        package=package,
    )


def test_up_status_down(wanted: Wanted) -> None:
    made = infra.run_up(wanted, SILENT)
    json.dumps(made.result)
    assert (made.command, made.exit_code, made.problems) == ("infra up", 0, ())
    assert made.result["account"] == "123456789012"
    assert made.result["root_uri"] == "s3://made-in-eu-west-1"
    assert made.result["regions"] == [{"region": "eu-west-1", "add": 2, "change": 0, "remove": 0, "applied": True}]
    assert Path(made.result["deployment"]).exists()
    assert "aws secretsmanager put-secret-value --secret-id arn:aws:secretsmanager:eu-west-1" in made.human
    assert f"benchctl doctor --provider aws --state {wanted.state_dir}" in made.human

    stands = infra.run_status("aws", wanted.state_dir, (), True, SILENT)
    json.dumps(stands.result)
    (region,) = stands.result["regions"]
    assert (region["up"], region["differences"]) == (True, [])
    assert region["deployment"]["allowed_targets"] == ("https://a.example",)
    assert "as it was made" in stands.human and stands.problems == ()

    gone = infra.run_down(Unwanted(provider="aws", state_dir=wanted.state_dir), SILENT)
    assert gone.result == {"provider": "aws", "regions": ["eu-west-1"], "destroyed": 2, "kept": None}
    assert infra.run_status("aws", wanted.state_dir, (), False, SILENT).result["regions"] == []


def test_differences_are_a_warning_and_no_failure(wanted: Wanted) -> None:
    infra.run_up(wanted, SILENT)
    (wanted.state_dir / "aws" / "eu-west-1" / "terraform.tfstate").write_text('["aws_lambda_function.worker"]')
    found = infra.run_status("aws", wanted.state_dir, (), True, SILENT)
    assert (found.exit_code, [problem.code for problem in found.problems]) == (0, ["drift"])
    assert "create aws_s3_bucket.runs[0]" in found.human


def test_kept_data_says_how_to_use_it_again(wanted: Wanted) -> None:
    infra.run_up(wanted, SILENT)
    gone = infra.run_down(Unwanted(provider="aws", state_dir=wanted.state_dir, keep_data=True), SILENT)
    assert gone.result["kept"] == "s3://made-in-eu-west-1"
    assert "--var existing_bucket=made-in-eu-west-1" in gone.human


def test_nobody_there_to_answer() -> None:
    with pytest.raises(UsageError) as refused:
        infra.speech_for(False, False, print, lambda question: True)
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("unconfirmed", "--yes", 2)
    assert infra.speech_for(True, False, print, lambda question: False).ask is None
    assert infra.speech_for(False, True, print, lambda question: False).ask is not None


def test_an_interrupt_is_no_failure(wanted: Wanted) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    found = infra.run_up(wanted, Speech(interrupt))
    assert found.exit_code == 130
    assert found.error is not None and "goes on where this one stopped" in found.error.hint


def test_gcp_is_not_built_yet(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        infra.run_status("gcp", tmp_path, (), False, SILENT)
    assert refused.value.code == "not_built"
