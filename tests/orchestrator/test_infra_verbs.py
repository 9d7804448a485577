"""`benchctl infra` from its command line: words to values, and what refuses before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import cli


def spoken(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = cli.main([*arguments, "--json"])
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, answer


@pytest.mark.parametrize("verb", ["up", "down"])
def test_nobody_is_asked_who_is_not_there(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = spoken(["infra", verb, "--provider", "aws", "--state", str(tmp_path / "s")], capsys)
    assert (code, answer["command"]) == (2, f"infra {verb}")
    assert answer["error"]["code"] == "unconfirmed"  # type: ignore[index]
    assert not (tmp_path / "s").exists()


def test_without_terraform(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, answer = spoken(["infra", "up", "--provider", "aws", "--plan-only", "--state", str(tmp_path / "s")], capsys)
    assert code == 2
    assert answer["error"]["code"] == "terraform_missing"  # type: ignore[index]


def test_status_where_nothing_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHCTL_STATE", str(tmp_path / "s"))
    code, answer = spoken(["infra", "status", "--provider", "aws"], capsys)
    assert code == 0
    assert answer["result"] == {"provider": "aws", "state": str(tmp_path / "s"), "root_uri": None, "regions": []}


def test_a_provider_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = spoken(["infra", "up"], capsys)
    assert (code, answer["error"]["path"]) == (2, "--provider")  # type: ignore[index]
