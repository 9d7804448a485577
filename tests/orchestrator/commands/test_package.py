"""`benchctl package`: what it answers, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.commands import package as command
from orchestrator.package.build import Package


def answer(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> command.Outcome:
    made = Package(Path("dist/p.zip"), "ab" * 32, "0123456789abcdef", 16_000_000, 48_000_000, "arm64", compiled)
    monkeypatch.setattr(command, "build_package", lambda arch, out: made)
    return command.run("aws", "arm64", Path("dist"))


def test_the_result_has_the_names_that_scripts_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(True, monkeypatch)
    assert {"path", "sha256", "code_version", "zip_bytes", "unzipped_bytes"} <= set(found.result)
    assert found.exit_code == 0 and not found.problems and "48.0 MB unzipped" in found.human


def test_missing_bytecode_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(False, monkeypatch)
    (problem,) = found.problems
    assert problem.code == "no_bytecode" and problem.severity == "warning" and "3.13" in problem.hint
    assert found.exit_code == 0 and found.result["compiled"] is False


@pytest.mark.parametrize("provider", ["local", "gcp"])
def test_other_providers_take_no_such_package(provider: str) -> None:
    with pytest.raises(UsageError) as refused:
        command.run(provider, "arm64", Path("dist"))  # type: ignore[arg-type]
    assert refused.value.code == "no_package" and refused.value.path == "--provider"
