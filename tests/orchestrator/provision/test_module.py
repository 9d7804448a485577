"""The module is found, and its variables are read from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import BenchctlError
from orchestrator.provision import module
from orchestrator.provision.module import module_files, module_variables


def test_the_files_are_the_modules_own() -> None:
    names = set(module_files("aws"))
    assert {"main.tf", "storage.tf", "function.tf", "identity.tf", "observability.tf", "variables.tf"} <= names
    assert all(name.endswith(".tf") for name in names)


def test_the_kinds_and_defaults_of_its_variables() -> None:
    found = module_variables("aws")
    kinds = {name: found[name].kind for name in ("name", "max_lanes", "reserve_concurrency", "allowed_targets", "vpc")}
    assert kinds == {
        "name": "string",
        "max_lanes": "number",
        "reserve_concurrency": "bool",
        "allowed_targets": "list",
        "vpc": "object",
    }
    assert int(found["max_lanes"].default) > 0
    assert found["package"].default == ""


def test_an_installation_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODULES", tmp_path)
    with pytest.raises(BenchctlError) as failed:
        module_files("aws")
    assert failed.value.code == "module_missing"
