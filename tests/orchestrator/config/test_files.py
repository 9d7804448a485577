from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.files import find, resolve


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here, beside):
        folder.mkdir()
    monkeypatch.chdir(here)
    return here, beside


def test_the_current_directory_comes_first_then_the_configs_own(places: tuple[Path, Path]) -> None:
    here, beside = places
    (beside / "a.json").touch()
    assert find("a.json", beside) == beside / "a.json"
    (here / "a.json").touch()
    assert find("a.json", beside) == Path("a.json")
    assert find("b.json", beside) is None is find("a.jsonl", None)
    assert find(str(beside / "a.json"), None) == beside / "a.json"


def test_the_tree_gets_paths_that_open(places: tuple[Path, Path]) -> None:
    _, beside = places
    (beside / "p.jsonl").touch()
    (beside / "ca.pem").touch()
    tree = {"data": {"type": "file", "path": "p.jsonl"}, "server": {"ca_file": "ca.pem"}}
    opened, problems = resolve(tree, beside)
    assert problems == []
    assert opened == {
        "data": {"type": "file", "path": str(beside / "p.jsonl")},
        "server": {"ca_file": str(beside / "ca.pem")},
    }
    assert tree["data"]["path"] == "p.jsonl"


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"data": {"type": "shareGPT", "path": "no.json"}}, "data.path"),
        ({"data": {"type": "random", "trace": {"file": "no.csv"}}}, "data.trace.file"),
        ({"load": {"trace": {"file": "no.csv"}}}, "load.trace.file"),
        ({"server": {"cert_path": "no.pem"}}, "server.cert_path"),
        ({"server": {"ca_file": "no.pem"}}, "server.ca_file"),
        ({"tokenizer": {"pretrained_model_name_or_path": "./no"}}, "tokenizer.pretrained_model_name_or_path"),
        ({"tokenizer": {"pretrained_model_name_or_path": "no.json"}}, "tokenizer.pretrained_model_name_or_path"),
    ],
)
def test_a_missing_file_is_named_with_where_it_was_sought(places: tuple[Path, Path], tree: Any, path: str) -> None:
    here, beside = places
    _, [problem] = resolve(tree, beside)
    assert (problem.code, problem.path) == ("file_not_found", path)
    assert str(here) in problem.hint and str(beside) in problem.hint


@pytest.mark.parametrize(
    "tree",
    [
        {"data": {"type": "mock", "path": "no.json"}},  # not read by this type
        {"data": {"path": "no.json"}},
        {"data": {"type": "shareGPT", "path": 5}},  # types are not its business
        {"data": 5, "server": None, "load": []},
        {"tokenizer": {"pretrained_model_name_or_path": "acme/llama-small"}},
    ],
)
def test_what_is_no_path_is_left_alone(places: tuple[Path, Path], tree: Any) -> None:
    assert resolve(tree, places[1]) == (tree, [])


def test_a_tokenizer_is_a_file_a_folder_or_a_hub_name(places: tuple[Path, Path]) -> None:
    _, beside = places
    model = beside / "model"
    model.mkdir()
    tree = {"tokenizer": {"pretrained_model_name_or_path": "model"}}
    assert "no tokenizer.json" in resolve(tree, beside)[1][0].message
    (model / "tokenizer.json").touch()
    opened, problems = resolve(tree, beside)
    assert problems == [] and opened["tokenizer"]["pretrained_model_name_or_path"] == str(model)
