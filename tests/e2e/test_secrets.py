"""Law 11: secrets travel by reference. A canary that reaches the endpoint is in no object, log, report or output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.harness import Ended, benchctl, config, write_config
from tests.emulators.mock import running_mock

CANARY = "sk-canary-5f2b9c"
OTHER = "tok-canary-77aa01"


def check_nowhere(folder: Path, texts: list[str], canary: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path
    for text in texts:
        assert canary not in text


def run(root: Path, api_key: object, key: str, env: dict[str, str]) -> tuple[Ended, Path]:
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001, "api_key": key}) as mock:
        settings = config(mock.url, [{"rate": 5, "duration": 1}])
        settings["server"]["api_key"] = api_key
        settings["api"]["headers"] = {"X-Token": {"env": "BENCH_OTHER"}}
        store = root / "store"
        path = write_config(root / "config", settings)
        ended = benchctl(root, "launch", path, "--root", str(store), "--json", "--yes", env=env)
    return ended, store


@pytest.mark.parametrize("reference", ["env", "literal", "interpolated"])
def test_a_key_is_used_and_written_nowhere(tmp_path: Path, reference: str) -> None:
    forms = {"env": {"env": "BENCH_KEY"}, "literal": CANARY, "interpolated": "${BENCH_KEY}"}
    ended, store = run(tmp_path, forms[reference], CANARY, {"BENCH_KEY": CANARY, "BENCH_OTHER": OTHER})
    assert ended.exit_code in (0, 3, 4), ended.stderr
    assert ended.result["ledger"]["ok"] == 5, "the endpoint took the key"
    for canary in (CANARY, OTHER):
        check_nowhere(store, [ended.stdout, ended.stderr], canary)


def test_a_refused_key_is_named_by_its_config_key_and_not_echoed(tmp_path: Path) -> None:
    ended, store = run(tmp_path, "sk-wrong-canary-1234", CANARY, {"BENCH_OTHER": OTHER})
    assert ended.exit_code == 2
    assert ended.envelope["error"]["path"] == "server.api_key"
    check_nowhere(tmp_path / "store", [ended.stdout, ended.stderr], "sk-wrong-canary-1234")
    assert not list(store.glob("runs/*/claims/*"))


def test_an_unset_variable_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    ended, _ = run(tmp_path, {"env": "BENCH_NOT_SET"}, CANARY, {"BENCH_OTHER": OTHER})
    assert ended.exit_code == 2
    assert "BENCH_NOT_SET" in ended.stdout


def test_planted_the_canary_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "object.json").write_text(f'{{"authorization": "Bearer {CANARY}"}}')
    with pytest.raises(AssertionError):
        check_nowhere(tmp_path, [], CANARY)
    with pytest.raises(AssertionError):
        check_nowhere(tmp_path / "none", [f"key {CANARY} refused"], CANARY)
