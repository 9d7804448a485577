"""A provision with a played Terraform and a played account: everything but the cloud is real."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.package.build import own_sources
from orchestrator.package.target import HANDLER
from orchestrator.provision import account as account_module
from orchestrator.provision.account import Account, Concurrency
from orchestrator.provision.speech import Speech
from tests.emulators import fake_terraform


@dataclass
class Scene:
    """`said` and `asked` are what a person would have read; `answers` what is answered, yes when it runs out."""

    state: Path
    package: Path
    log: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    limits: Concurrency = field(default_factory=lambda: Concurrency(1000, 1000))

    @property
    def speech(self) -> Speech:
        return Speech(self.said.append, self._ask)

    def _ask(self, question: str) -> bool:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else True

    def calls(self) -> list[list[str]]:
        return fake_terraform.calls(self.log)

    def applied(self) -> list[str]:
        return [call[0] for call in self.calls() if call[1] == "apply"]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    log = fake_terraform.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", fake_terraform.path_with(tmp_path / "bin"))
    made = Scene(tmp_path / "state", made_package(tmp_path / "given.zip"), log)
    monkeypatch.setattr(account_module, "whose_account", lambda region: Account("000000000000", "arn:root"))
    monkeypatch.setattr(account_module, "concurrency", lambda region: made.limits)
    monkeypatch.setattr(account_module, "default_region", lambda: None)
    return made


def made_package(path: Path, machine: int | None = 183) -> Path:
    """Our own sources, and a binary of that ELF machine (183: arm64)."""
    name = f"{HANDLER.rpartition('.')[0].replace('.', '/')}.py"
    with zipfile.ZipFile(path, "w") as archive:
        for source, body in ({name: b""} | own_sources()).items():
            archive.writestr(source, body)
        if machine is not None:
            archive.writestr("x.so", b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
    return path
