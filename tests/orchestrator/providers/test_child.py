"""Children find this very code: by PYTHONPATH from a checkout, by themselves where it is installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from function.contract import keys
from orchestrator.providers.child import finding_us

HERE = str(Path(keys.__file__).resolve().parents[2])


def test_a_checkout_comes_first_on_the_path() -> None:
    assert finding_us({"A": "1"}) == {"A": "1", "PYTHONPATH": HERE}
    assert finding_us({"PYTHONPATH": "/mine"})["PYTHONPATH"] == os.pathsep.join((HERE, "/mine"))


def test_installed_packages_add_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "function" / "contract" / "keys.py"
    monkeypatch.setattr(keys, "__file__", str(installed))
    assert finding_us({"A": "1"}) == {"A": "1"}
