"""benchctl against a real model server: what it reports is what the server itself counted.

The server is llama.cpp's own with a tiny random model, so answers take milliseconds. Its counters at /metrics, read
before and after each run, are the witness. The model likes to end its answers early: 32 tokens each means that the
server was told to ignore the end, and heard it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import REPOSITORY, Ended, assert_all_balance, config, launch
from tests.emulators.llama import MODEL, Counted, RunningLlama
from tests.emulators.plain_client import PlainClient

DATA = REPOSITORY / "configs" / "data"
GOLDEN = REPOSITORY / "tests" / "golden" / "streams"
TOKENS = 32
ATTEMPTS = 3
LATENESS = {"late_median", "late_tail", "loop_lag"}


@dataclass(frozen=True)
class Measured:
    """One run, and how far the server's own counters went meanwhile."""

    ended: Ended
    counted: Counted
    computed_s: float

    @property
    def rows(self) -> dict[str, list[Any]]:
        return self.ended.requests()

    @property
    def summary(self) -> dict[str, Any]:
        return self.ended.summary()


def measure(server: RunningLlama, root: Path, settings: Mapping[str, Any]) -> Measured:
    before, spent = server.counted(), computed_s(server)
    ended = launch(root, settings)
    assert ended.exit_code in (0, 3, 4), ended.stdout + ended.stderr  # late or not, what was counted was counted
    return Measured(ended, server.counted().since(before), computed_s(server) - spent)


def computed_s(server: RunningLlama) -> float:
    metrics = server.metrics()
    return metrics["prompt_seconds_total"] + metrics["tokens_predicted_seconds_total"]


def undisturbed(server: RunningLlama, root: Path, settings: Mapping[str, Any]) -> Measured:
    """A run whose lateness is not the machine's: one that the interference probe disowns is repeated."""
    for attempt in range(ATTEMPTS):
        run = measure(server, root / str(attempt), settings)
        if not (run.ended.interfered() and LATENESS & run.ended.codes()):
            break
    return run


def asking(url: str, stages: list[dict[str, Any]], **sections: Any) -> dict[str, Any]:
    """Conversations, 32 tokens each, one lane; the model's name is the server's to tell."""
    settings = config(
        url,
        stages,
        data={"type": "shareGPT", "path": str(DATA / "conversations.json")},
        tokenizer={"pretrained_model_name_or_path": str(DATA / "tokenizer.json")},
        fanout={"lanes": 1},
    )
    del settings["server"]["model_name"]
    settings["api"]["extra_body"] = {"max_tokens": TOKENS}
    for section, values in sections.items():
        settings[section] = {**settings[section], **values}
    return settings


def assert_server_agrees(run: Measured, requests: int) -> None:
    """All went well, and every token is one that the server says it read or wrote."""
    rows, ledger = run.rows, run.summary["ledger"]
    assert (ledger["planned"], ledger["ok"]) == (requests, requests), run.summary["errors"]
    assert_all_balance(run.summary)
    assert rows["status"] == ["ok"] * requests
    assert set(rows["model"]) == {MODEL}
    assert sum(rows["output_tokens"]) == run.counted.predicted
    assert sum(rows["cached_tokens"]) == run.counted.cached
    assert sum(rows["prompt_tokens"]) == run.counted.prompt + run.counted.cached
    tokens = run.summary["tokens"]
    assert tokens["source"] == "usage"
    assert tokens["output"]["count"] == tokens["prompt"]["count"] == requests
    assert tokens["output"]["mean"] * requests == pytest.approx(run.counted.predicted)
    assert tokens["prompt"]["mean"] * requests == pytest.approx(run.counted.prompt + run.counted.cached)


def assert_streamed(run: Measured) -> None:
    """Token times are those of a stream: in order, after sending, no more of them than tokens."""
    rows = run.rows
    for index, stamps in enumerate(rows["token_ns"]):
        assert stamps == sorted(stamps)
        assert len(stamps) <= rows["output_tokens"][index], "a token may bear no text yet, or none ever"
        first, last = (stamps[0], stamps[-1]) if stamps else (None, None)
        assert (rows["first_token_ns"][index], rows["last_token_ns"][index]) == (first, last)
        times = [rows["sent_ns"][index], rows["first_byte_ns"][index], *stamps, rows["end_ns"][index]]
        assert times == sorted(times)


@pytest.fixture(scope="module")
def conversations(llama_server: RunningLlama, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """20 requests of 32 tokens, one a second."""
    settings = asking(llama_server.url, [{"rate": 1, "duration": 20}])
    return undisturbed(llama_server, tmp_path_factory.mktemp("conversations"), settings)


def test_streamed_conversations_are_on_time(conversations: Measured) -> None:
    assert not LATENESS & conversations.ended.codes(), conversations.summary["findings"]


def test_streamed_conversations_count_what_the_server_counted(conversations: Measured) -> None:
    assert_server_agrees(conversations, 20)
    assert conversations.rows["output_tokens"] == [TOKENS] * 20
    assert_streamed(conversations)
    assert min(map(len, conversations.rows["token_ns"])) > TOKENS / 2


def test_no_answer_takes_less_time_than_the_server_spent_on_it(conversations: Measured) -> None:
    rows = conversations.rows
    observed_s = sum(last - sent for last, sent in zip(rows["last_token_ns"], rows["sent_ns"], strict=True)) / 1e9
    assert conversations.computed_s > 0
    assert observed_s > conversations.computed_s
    assert observed_s < conversations.computed_s + 20 * 0.25, "what is not the server's is the way there and back"


def test_answers_that_end_by_themselves(llama_server: RunningLlama, tmp_path: Path) -> None:
    settings = asking(llama_server.url, [{"rate": 5, "duration": 4}], server={"ignore_eos": False})
    run = measure(llama_server, tmp_path, settings)
    assert_server_agrees(run, 20)
    assert_streamed(run)
    assert min(run.rows["output_tokens"]) < TOKENS, "otherwise 32 tokens each proves nothing about ignore_eos"
    assert "output_short" not in run.ended.codes()


def test_whole_completions_of_exact_prompts(llama_server: RunningLlama, tmp_path: Path) -> None:
    settings = asking(
        llama_server.url,
        [{"rate": 5, "duration": 1}],
        api={"type": "completion", "streaming": False, "extra_body": {"cache_prompt": False}},
    )
    settings["data"] = {"type": "random", "input_distribution": exactly(24), "output_distribution": exactly(TOKENS)}
    run = measure(llama_server, tmp_path, settings)
    assert_server_agrees(run, 5)
    rows = run.rows
    assert rows["output_tokens"] == [TOKENS] * 5
    assert rows["cached_tokens"] == [0] * 5
    assert rows["prompt_tokens"] == [24 + 1] * 5, "what was asked, behind the token that the server opens a text with"
    assert rows["first_token_ns"] == [None] * 5
    assert all(end > sent for end, sent in zip(rows["end_ns"], rows["sent_ns"], strict=True))
    assert run.summary["latency"]["time_to_first_token"]["count"] == 0


def test_one_user_after_the_other(llama_server: RunningLlama, tmp_path: Path) -> None:
    settings = asking(llama_server.url, [{"concurrency_level": 1, "num_requests": 5}], load={"type": "concurrent"})
    run = measure(llama_server, tmp_path, settings)
    assert_server_agrees(run, 5)
    assert run.rows["output_tokens"] == [TOKENS] * 5
    assert_streamed(run)
    turns = sorted(zip(run.rows["sent_ns"], run.rows["end_ns"], strict=True))
    assert all(end <= sent for (_, end), (sent, _) in pairwise(turns))


def test_connections_that_the_server_closes_cost_no_request(llama_server: RunningLlama, tmp_path: Path) -> None:
    """It promises keep-alive and hangs up after each stream: who asks again at once may write to a dead connection."""
    settings = asking(llama_server.url, [{"concurrency_level": 1, "num_requests": 200}], load={"type": "concurrent"})
    settings["api"]["extra_body"] = {"max_tokens": 4}
    assert_server_agrees(measure(llama_server, tmp_path, settings), 200)


@pytest.mark.parametrize(
    ("golden", "path", "asked"),
    [
        ("llamacpp_chat_usage.sse", "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello."}]}),
        ("llamacpp_completions.sse", "/v1/completions", {"prompt": "Hello."}),
    ],
)
def test_the_golden_streams_are_what_this_server_sends(
    llama_server: RunningLlama, golden: str, path: str, asked: dict[str, Any]
) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 6, "ignore_eos": True}
    with PlainClient(llama_server.port) as client:
        sent = client.post(asked | more, path).body
    assert shapes(sent) == shapes((GOLDEN / golden).read_bytes())


def shapes(stream: bytes) -> list[Any]:
    """What kinds of lines follow each other; the same kind again and again is one."""
    lines = [line for line in stream.decode().split("\n") if line]
    found = [shape(json.loads(line[6:])) if line.startswith("data: {") else line for line in lines]
    return [one for one, _ in groupby(found)]


def shape(value: Any) -> Any:
    """A JSON value with its keys and without its numbers and texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else value


def exactly(tokens: int) -> dict[str, float]:
    return {"min": tokens, "max": tokens, "mean": tokens, "std_dev": 0}


def test_planted_a_token_too_many_is_seen(conversations: Measured) -> None:
    told = Counted(conversations.counted.prompt, conversations.counted.cached, conversations.counted.predicted + 1)
    with pytest.raises(AssertionError):
        assert_server_agrees(Measured(conversations.ended, told, conversations.computed_s), 20)
