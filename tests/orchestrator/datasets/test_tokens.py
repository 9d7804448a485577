from __future__ import annotations

import http.server
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.datasets import tokens
from orchestrator.datasets.tokens import hub_token, open_tokenizer, tokenizer_name
from tests.orchestrator.plan.planned import TOKENIZER, config

STAGE = {"stages": [{"rate": 1, "duration": 1}]}
RANDOM = {"type": "random", "input_distribution": 5, "output_distribution": 5}


def test_a_file_and_its_folder_are_the_same_tokenizer(tmp_path: Path) -> None:
    shutil.copy(TOKENIZER, tmp_path / "tokenizer.json")
    counts = [open_tokenizer(name).count(["hello there", ""]).tolist() for name in (TOKENIZER, str(tmp_path))]
    assert counts[0] == counts[1] and counts[0][1] == 0 < counts[0][0]


def test_truncation_and_padding_of_the_file_do_not_count(tmp_path: Path) -> None:
    tree = json.loads(Path(TOKENIZER).read_text())
    tree["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    tree["padding"] = {
        "strategy": {"Fixed": 50},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<unk>",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    texts = ["one", "one two three four five six seven"]
    assert open_tokenizer(str(tmp_path)).count(texts).tolist() == open_tokenizer(TOKENIZER).count(texts).tolist()


def test_many_texts_are_counted_in_order() -> None:
    counter = open_tokenizer(TOKENIZER)
    assert counter.count([" a" * (index % 7) for index in range(5000)]).tolist() == [index % 7 for index in range(5000)]


def unavailable(name: str, network: bool = True) -> UsageError:
    with pytest.raises(UsageError) as refused:
        open_tokenizer(name, network=network)
    assert (refused.value.code, refused.value.path) == ("tokenizer_unavailable", tokens.PATH)
    return refused.value


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "is not a tokenizer" in unavailable(str(tmp_path)).message


def test_without_the_network_a_hub_name_is_looked_for_here_only() -> None:
    assert "not on this machine" in unavailable("acme/llama-small", network=False).message
    assert "neither a path" in unavailable("no such/thing at/all", network=False).message


def test_offline_the_hub_is_not_asked() -> None:
    started = time.monotonic()
    assert "not on this machine" in unavailable("acme/llama-small").message
    assert time.monotonic() - started < 5


@contextmanager
def hub(status: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str | None]]]:
    """A hub on loopback that gives `status` to everything, or never answers (None). Yields what it was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(status or 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with socket.socket() as silent:
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler) if status else None
        if server is None:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            port = silent.getsockname()[1]
        else:
            port = server.server_port
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda name, file: f"http://127.0.0.1:{port}/{name}/{file}")
        try:
            yield asked
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()


@pytest.mark.parametrize(
    ("status", "words"), [(404, "has no tokenizer.json"), (401, "set tokenizer.token"), (403, "403")]
)
def test_what_the_hub_refuses_is_said(status: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(status, monkeypatch) as asked, pytest.raises(UsageError, match=words) as refused:
        open_tokenizer("acme/llama-small", "hf_secret")
    assert asked == [("/acme/llama-small/tokenizer.json", "Bearer hf_secret")]
    assert refused.value.code == "tokenizer_unavailable" and "hf_secret" not in refused.value.message


def test_a_silent_hub_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "HUB_TIMEOUT_S", 0.3)
    started = time.monotonic()
    with hub(None, monkeypatch):
        assert "cannot be reached" in unavailable("acme/llama-small").message
    assert time.monotonic() - started < 10


def test_a_redirect_is_an_answer_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(name: str, file: str, **_: object) -> str:
        fetched.append(name)
        return TOKENIZER

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    with hub(302, monkeypatch) as asked:
        assert open_tokenizer("acme/llama-small").count(["a"]).tolist() == [1]
    assert (len(asked), fetched) == (1, ["acme/llama-small"])


def test_which_tokenizer_a_config_needs() -> None:
    named = {"tokenizer": {"pretrained_model_name_or_path": "acme/t"}}
    assert tokenizer_name(config(STAGE, **named)) is None  # mock prompts
    assert tokenizer_name(config(STAGE, data=RANDOM, **named)) == "acme/t"
    assert tokenizer_name(config(STAGE, data=RANDOM)) == "m"  # the model's name
    assert tokenizer_name(config(STAGE, data={"type": "file", "path": "pyproject.toml", "format": "jsonl"})) is None


def test_a_hub_token_is_read_from_where_the_config_says() -> None:
    def token(value: object) -> str | None:
        return hub_token(config(STAGE, tokenizer={"token": value}), {"HF": "hf_1"})

    assert (token({"env": "HF"}), token("hf_2"), hub_token(config(STAGE), {})) == ("hf_1", "hf_2", None)
    for reference in ({"env": "UNSET"}, {"aws_secret": "arn"}):
        with pytest.raises(UsageError) as refused:
            token(reference)
        assert refused.value.path == "tokenizer.token"
