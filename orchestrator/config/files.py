"""Files a config names: looked for from the current directory first, then beside the config file.

The rim of the config: the only place that looks at the disk, and it only asks what exists. Which data types need a
file at all is `data_checks`'.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.config.yaml_text import Tree, dotted
from orchestrator.outcome import Problem

_FILES = (
    ("data", "path"),
    ("data", "corpus_file_path"),
    ("data", "trace", "file"),
    ("load", "trace", "file"),
    ("data", "otel_trace_replay", "trace_directory"),
    ("data", "weka_trace_replay", "trace_directory"),
    ("server", "cert_path"),
    ("server", "key_path"),
    ("server", "ca_file"),
)
_TOKENIZER = ("tokenizer", "pretrained_model_name_or_path")
_READS_PATH = ("shareGPT", "file", "cnn_dailymail", "infinity_instruct", "billsum_conversations")


def resolve(tree: Tree, folder: Path | None) -> tuple[Tree, list[Problem]]:
    """A copy of `tree` with each path as it can be opened from here, and a problem for each that cannot."""
    result = copy.deepcopy(tree)
    return result, list(_resolve(result, folder))


def _resolve(tree: Tree, folder: Path | None) -> Iterator[Problem]:
    for key in _FILES:
        written = _at(tree, key)
        if key == ("data", "path") and _at(tree, ("data", "type")) not in _READS_PATH:
            continue
        if isinstance(written, str) and written:
            found = find(written, folder)
            if found is None:
                yield _missing(key, written, folder)
            else:
                _put(tree, key, str(found))
    yield from _resolve_tokenizer(tree, folder)


def _resolve_tokenizer(tree: Tree, folder: Path | None) -> Iterator[Problem]:
    """A name that exists as a path is one; what can only be a path must exist; the rest is a name on the hub."""
    written = _at(tree, _TOKENIZER)
    if not isinstance(written, str) or not written:
        return
    found = find(written, folder)
    if found is None:
        if written.startswith((".", "/", "~")) or written.endswith(".json") or written.count("/") > 1:
            yield _missing(_TOKENIZER, written, folder)
        return
    if found.is_dir() and not (found / "tokenizer.json").is_file():
        yield Problem("file_not_found", f"no tokenizer.json in the folder {found}", dotted(_TOKENIZER))
        return
    _put(tree, _TOKENIZER, str(found))


def find(written: str, folder: Path | None) -> Path | None:
    """`written` from the current directory, else from `folder`; None when neither has it."""
    path = Path(written).expanduser()
    places = [path] if folder is None or path.is_absolute() else [path, folder / path]
    return next((place for place in places if place.exists()), None)


def _missing(key: tuple[str, ...], written: str, folder: Path | None) -> Problem:
    beside = f" or {folder}" if folder is not None and folder.resolve() != Path.cwd() else ""
    return Problem("file_not_found", f"{written} does not exist", dotted(key), f"looked for it in {Path.cwd()}{beside}")


def _at(tree: Any, key: tuple[str, ...]) -> Any:
    for step in key:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def _put(tree: Tree, key: tuple[str, ...], value: str) -> None:
    for step in key[:-1]:
        tree = tree[step]
    tree[key[-1]] = value
