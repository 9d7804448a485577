from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.contract.errors import UsageError
from function.store.opening import join_uri, open_store

REPOSITORY = Path(__file__).resolve().parents[3]
COMPONENT = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda text: not text.startswith(".") and all(" " <= character != "\x7f" for character in text)
)
FOLDER = st.lists(COMPONENT, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("word", ["{0}", "{0}/", "file://{0}", "file://localhost{0}", "FILE://{0}/", "file:{0}"])
def test_a_path_and_a_file_uri_open_the_same_place(tmp_path: Path, word: str) -> None:
    (tmp_path / "a").write_bytes(b"here")
    assert open_store(word.format(tmp_path)).get("a").body == b"here"
    assert open_store(word.format(tmp_path)).uri == str(tmp_path)


def test_a_relative_path_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_store(".").uri == str(tmp_path)
    assert open_store("out/x").uri == str(tmp_path / "out/x")
    assert open_store("./s3:b").uri == str(tmp_path / "s3:b")
    assert open_store("~/x").uri == str(tmp_path / "home/x")
    assert open_store(join_uri("~", "runs/r1")).uri == str(tmp_path / "home/runs/r1")


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_store(str(tmp_path / "new")).at("runs").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["azure://container/x", "s4:bucket", "http://host/x", "memory:///", "c:/x"])
def test_an_unknown_scheme_is_refused_with_the_known_ones(uri: str) -> None:
    with pytest.raises(UsageError) as refusal:
        open_store(uri)
    assert refusal.value.code == "store_unsupported"
    assert refusal.value.exit_code == 2
    assert uri.partition(":")[0] in refusal.value.message
    assert "file://" in refusal.value.message and "directories" in refusal.value.message
    assert "./" in refusal.value.hint


@pytest.mark.parametrize("uri", ["", "a\0b", "file://host/x", "file:x", "file:", "file:///x?y", "file:///x#y", "file:///%00",
                                 "file://[", "~nobody-of-that-name/x"])  # fmt: skip
def test_a_malformed_word_is_refused(uri: str) -> None:
    with pytest.raises(UsageError) as refusal:
        open_store(uri)
    assert refusal.value.code == "store_uri"


@pytest.mark.parametrize(
    ("uri", "folder", "joined"),
    [
        (".", "runs/r1", "./runs/r1"),
        ("/", "runs/", "/runs"),
        ("/data/", "runs/r1/", "/data/runs/r1"),
        ("out", "", "out"),
        ("file:///", "a b", "file:///a%20b"),
        ("file:///x/", "50%/é", "file:///x/50%25/%C3%A9"),
        ("s3://bucket", "runs/a b", "s3://bucket/runs/a b"),
        ("gs://bucket/prefix/", "runs/r1", "gs://bucket/prefix/runs/r1"),
    ],
)
def test_joining(uri: str, folder: str, joined: str) -> None:
    assert join_uri(uri, folder) == joined


@given(st.sampled_from(["/", "/data", "/data/", "rel", "file:///", "file:///a%20b", "file:/x/"]), FOLDER, FOLDER)
def test_joining_and_at_lead_to_the_same_place(uri: str, folder: str, deeper: str) -> None:
    assert open_store(join_uri(uri, folder)).uri == open_store(uri).at(folder).uri
    assert join_uri(join_uri(uri, folder), deeper) == join_uri(uri, f"{folder}/{deeper}")


@given(st.sampled_from(["/data", "rel", "file:///a%20b"]), FOLDER)
def test_the_uri_of_a_store_opens_it(uri: str, folder: str) -> None:
    seen = open_store(uri).at(folder).uri
    assert open_store(seen).uri == seen


@pytest.mark.parametrize("folder", ["..", "/", "a//b", ".x", "a/../b"])
def test_no_join_leaves_the_place(folder: str) -> None:
    with pytest.raises(ValueError, match="key"):
        join_uri("/data", folder)


def test_nothing_is_not_a_place_to_join_to() -> None:
    with pytest.raises(UsageError):
        join_uri("", "runs")


def test_no_adapter_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, function.store.opening; print(*(name for name in sys.modules if name.startswith('function.')))"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    assert "function.store.port" in said
    assert not {"function.store.local", "function.store.s3", "function.store.gcs"} & set(said.split())
