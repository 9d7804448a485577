"""Finding a run: by id below a root, or by its folder, wherever that was moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.errors import UsageError
from function.store.local import LocalStore
from function.store.memory import MemoryStore
from orchestrator.launch.locate import check_run_id, find_run, local_folder, log_folder, open_root, run_below, run_names
from tests.emulators.played_lambda import provision
from tests.orchestrator.launch.world import make_plan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = LocalStore(tmp_path)
    for run_id in ("b", "a"):
        store.put(f"{keys.RUNS}{run_id}/{keys.PLAN}", encode(make_plan()))
    store.put(f"{keys.RUNS}no-plan/{keys.CONTROL}", b"{}")
    store.put(f"{keys.RUNS}stray", b"")
    return tmp_path


def test_by_id_by_path_and_by_uri(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root / "runs" / "a"
    moved = root / "elsewhere"
    for word, where in (
        ("a", str(root)),
        (str(folder), "/nowhere"),
        (folder.as_uri(), "/nowhere"),
    ):
        found = find_run(word, where)
        assert (found.run_id, local_folder(found.store)) == ("r", folder)
    folder.rename(moved)
    monkeypatch.chdir(root)
    assert find_run("elsewhere", "/nowhere").plan == make_plan()


@pytest.mark.parametrize("word", ["c", "no-plan", "/nowhere/at/all", "stray", "", "a/b"])
def test_what_is_no_run_is_named(root: Path, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_run(word, str(root))
    assert (refused.value.code, refused.value.path) == ("run_not_found", "RUN")
    assert repr(word) in refused.value.message


def test_runs_are_folders_with_a_plan(root: Path) -> None:
    assert list(run_names(LocalStore(root))) == ["a", "b"]
    assert list(run_names(MemoryStore())) == []


ODD = ["a b", "ä", "x" * 60, "-a", "[red]"]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_that_was_renamed_by_hand_is_found_by_name_and_by_path(root: Path, name: str) -> None:
    (root / "runs" / "a").rename(root / "runs" / name)
    assert name in list(run_names(LocalStore(root)))
    for word in (name, str(root / "runs" / name)):
        assert find_run(word, str(root)).plan == make_plan()


@pytest.mark.parametrize("name", ["a/b", "..", ".a", "", "a\n", "\udcff"])
def test_what_no_store_names_is_not_looked_for_there(root: Path, name: str) -> None:
    assert run_below(LocalStore(root), name) is None


def test_a_store_that_refuses_is_the_fault_of_the_word_that_named_it(root: Path) -> None:
    file = root / "file"
    file.write_text("")
    for call, path, code in (
        (lambda: find_run("a", str(file)), "--root", "root_unreadable"),
        (lambda: list(run_names(LocalStore(file))), "--root", "root_unreadable"),
        (lambda: find_run(str(file), str(root)), "RUN", "run_unreadable"),
        (lambda: open_root("s4://bucket"), "--root", "store_unsupported"),
        (lambda: open_root(""), "--root", "store_uri"),
        (lambda: find_run("s4://bucket/r", str(root)), "RUN", "store_unsupported"),
    ):
        with pytest.raises(UsageError) as refused:
            call()
        assert (refused.value.path, refused.value.code, refused.value.exit_code) == (path, code, 2)
        assert refused.value.hint


@pytest.mark.parametrize("run_id", ["a", "20261125-103000-ab12", "x" * 48, "9.b_c-d"])
def test_run_ids_that_can_be(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", ["", "-a", ".a", "a/b", "x" * 49, "ä", "a b", "a\n"])
def test_run_ids_that_cannot_be(run_id: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_run_id(run_id)
    assert (refused.value.code, refused.value.path) == ("run_id", "--run-id")


def test_logs_lie_beside_the_run_or_below_the_working_folder(tmp_path: Path) -> None:
    class Bucket(MemoryStore):
        uri = "s3://bucket/runs/r"  # type: ignore[assignment]

    assert log_folder(LocalStore(tmp_path), "r") == tmp_path / "logs"
    assert log_folder(Bucket(), "r") == Path("runs/r/logs")
    assert local_folder(Bucket()) is None


def test_without_a_root_the_provisioned_ones_are_looked_through_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, here = tmp_path / "bucket", tmp_path / "here"
    here.mkdir()
    LocalStore(bucket).put("runs/far/plan.json", encode(make_plan()))
    provision(tmp_path / "state", str(bucket), "http://t:1")
    monkeypatch.chdir(here)
    monkeypatch.setenv("BENCHCTL_STATE", str(tmp_path / "state"))
    assert find_run("far", None).plan == make_plan()
    with pytest.raises(UsageError) as refused:
        find_run("nowhere", None)
    assert refused.value.code == "run_not_found" and str(bucket) in refused.value.message
    with pytest.raises(UsageError):
        find_run("far", str(here))
    monkeypatch.delenv("BENCHCTL_STATE")
    with pytest.raises(UsageError):
        find_run("far", None)
