"""Which keys of `data` a type needs. Whether a file holds what it should is found where it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.config.claim import Claim
from orchestrator.config.data import Data
from orchestrator.config.distribution import Distribution
from orchestrator.outcome import Problem

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
SESSION_TYPES = ("shareGPT", "file")
_FILE_KEYS = ("format", "prompt_key", "messages_key", "output_tokens_key", "output_tokens")
_LENGTHS = ("input_distribution", "output_distribution")
_USED_BY: dict[str, tuple[str, ...]] = {
    "path": ("shareGPT", "file", "cnn_dailymail", "infinity_instruct", "billsum_conversations"),
    **dict.fromkeys(_FILE_KEYS, ("file",)),
    "disable_output_substitution": SESSION_TYPES,
    **dict.fromkeys(
        _LENGTHS,
        ("random", "synthetic", "shareGPT", "cnn_dailymail", "infinity_instruct", "billsum_conversations"),
    ),
    "trace": ("random", "synthetic"),
    "corpus_file_path": ("synthetic", "shared_prefix", "conversation_replay"),
    "shared_prefix": ("shared_prefix",),
    "multimodal": ("synthetic", "shared_prefix"),
    "conversation_replay": ("conversation_replay",),
    "otel_trace_replay": ("otel_trace_replay",),
    "weka_trace_replay": ("weka_trace_replay",),
    "visionarena": ("visionarena",),
}
_INSTEAD = {**{f"data.{key}": ("data.trace",) for key in _LENGTHS}, "data.format": ("data.path",)}


def check_data(data: Data) -> Iterator[Problem]:
    """All of it rests on data.type."""
    for found in _check(data):
        rests_on = ("data.type", *_INSTEAD.get(found.path, ()))
        yield Claim(found.code, found.message, found.path, found.hint, found.severity, rests_on)


def _check(data: Data) -> Iterator[Problem]:
    if data.type in ("random", "synthetic"):
        yield from _check_lengths(data)
    if data.type in ("otel_trace_replay", "weka_trace_replay") and getattr(data, data.type) is None:
        yield Problem(
            "missing_key", f"data.type {data.type} needs this block", f"data.{data.type}", "trace_files: [...]"
        )
    if data.type == "file":
        yield from _check_file(data)
    yield from _check_turns(data)
    if data.use_chat_template and data.type != "random":
        hint = "leave it out, or data.type: random"
        yield Problem("impossible", f"has no meaning for data.type {data.type}", "data.use_chat_template", hint)


def _check_turns(data: Data) -> Iterator[Problem]:
    if data.enable_multi_turn_chat and data.type not in SESSION_TYPES:
        message = f"data.type {data.type} has no conversations of several turns"
        hint = f"data.type: {' or '.join(SESSION_TYPES)}, or leave it out"
        yield Problem("impossible", message, "data.enable_multi_turn_chat", hint)
    if data.disable_output_substitution and not data.enable_multi_turn_chat and data.type in SESSION_TYPES:
        message = "has no effect without data.enable_multi_turn_chat: nothing is quoted in single requests"
        hint = "data.enable_multi_turn_chat: true, or leave it out"
        yield Problem("no_effect", message, "data.disable_output_substitution", hint, severity="warning")


def unused(data: Data) -> Iterator[Problem]:
    """Keys given for another type: inference-perf takes them in silence, so they are a warning, not an error."""
    for key, types in _USED_BY.items():
        if key in data.model_fields_set and data.type not in types and _given(getattr(data, key), key):
            message = f"has no effect with data.type {data.type}"
            hint = f"for data.type {', '.join(types)}"
            yield Claim("no_effect", message, f"data.{key}", hint, severity="warning", rests_on=("data.type",))


def _given(value: Any, key: str) -> bool:
    return value is not None and value != Data.model_fields[key].default


def file_format(data: Data) -> str | None:
    """jsonl, csv or parquet, as said or by the ending; None when it cannot be told."""
    if data.format != "auto":
        return data.format
    return FORMATS.get(Path(data.path or "").suffix.lower())


def _check_lengths(data: Data) -> Iterator[Problem]:
    for key in _LENGTHS:
        distribution: Distribution | None = getattr(data, key)
        path = f"data.{key}"
        if distribution is None:
            if data.trace is None:
                hint = f"{key}: {{min: 64, max: 256, mean: 128, std_dev: 32}}"
                yield Problem("missing_key", f"data.type {data.type} needs it", path, hint)
            continue
        if distribution.mean_counts and distribution.type != "fixed" and not distribution.mean_inside:
            bounds = f"[{distribution.min}, {distribution.max}]"
            message = f"the mean is {distribution.mean:g} unless given, outside {bounds}"
            yield Problem("wrong_value", message, path, "give `mean`, with min <= mean <= max")
        least = distribution.mean if distribution.type == "fixed" else distribution.max
        if key == "input_distribution" and least < 1:
            yield Problem("wrong_value", "asks for prompts of no tokens", path, "at least 1 token")


def _check_file(data: Data) -> Iterator[Problem]:
    if data.path is None:
        yield Problem("missing_key", "data.type file needs it", "data.path", "path: prompts.jsonl")
        return
    if Path(data.path).is_dir():
        yield Problem("wrong_value", f"{data.path} is a folder", "data.path", "one .jsonl, .csv or .parquet file")
    elif file_format(data) is None:
        message = f"the format of {data.path} cannot be told from its name"
        yield Problem("wrong_value", message, "data.format", "format: jsonl, csv or parquet")
