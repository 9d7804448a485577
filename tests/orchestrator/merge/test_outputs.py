from __future__ import annotations

import json
from pathlib import Path

from function.store.memory import MemoryStore
from orchestrator.merge.outputs import token_counter
from orchestrator.merge.run import Merged, merge_run
from tests.emulators.stored_run import Truth


def words_tokenizer(folder: Path) -> Path:
    """One token a word; a tokenizer.json of a few lines."""
    vocabulary = {"[UNK]": 0, "lake": 1, "sea": 2}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    whole = {"version": "1.0", "model": model, "pre_tokenizer": {"type": "Whitespace"}}
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    (folder / "tokenizer.json").write_text(json.dumps({**empty, **whole, "added_tokens": []}))
    return folder


def test_a_counter_from_a_folder(tmp_path: Path) -> None:
    count = token_counter(str(words_tokenizer(tmp_path)))
    assert count is not None
    assert count(["lake sea lake", ""]).tolist() == [3, 0]


def test_without_a_tokenizer_at_hand_there_is_no_counter() -> None:
    assert token_counter(None) is None
    assert token_counter("nobody/has-this") is None


def merged(truth: Truth) -> Merged:
    truth.each(lambda row: row.values.update(output_tokens=None, output_text="lake sea"))
    store = MemoryStore()
    truth.write(store)
    return merge_run(store)


def test_outputs_without_usage_are_counted_and_the_source_is_said(tmp_path: Path) -> None:
    tokens = merged(Truth(tokenizer=str(words_tokenizer(tmp_path)))).summary.run.tokens
    assert (tokens.source, tokens.output.at(50.0), tokens.events) == ("tokenizer", 2.0, 1600)


def test_without_usage_and_tokenizer_tokens_are_unknown() -> None:
    found = merged(Truth()).summary
    assert found.run.tokens.source is None
    assert found.run.tokens.output.count == 0
    assert found.run.throughput.output_tokens_per_sec is None
    assert found.run.latency["time_per_output_token"].count == 0
    assert found.verdict == "VALID"
    assert "events_not_tokens" in {finding.code for finding in found.findings}
