"""How chat requests are written and chat answers read."""

from __future__ import annotations

import json

import pytest

from function.arrival import Piece
from function.contract.workload import CONTINUE, ROLES
from function.dialects.chat import CHAT
from tests.golden.test_streams import STREAMS


def test_messages_are_joined_from_pieces() -> None:
    texts = [memoryview(b'shared \\"prefix\\" '), memoryview("né\\n".encode())]
    pieces = [
        Piece(ROLES.index("system"), 0, 0, len(texts[0])),
        Piece(CONTINUE, 1, 0, len(texts[1])),
        Piece(ROLES.index("user"), 0, 0, 6),
        Piece(ROLES.index("assistant"), 1, 0, 0),
    ]
    body = json.loads(b"{" + b"".join(CHAT.prompt(pieces, texts)) + b"}")
    assert body["messages"] == [
        {"role": "system", "content": 'shared "prefix" né\n'},
        {"role": "user", "content": "shared"},
        {"role": "assistant", "content": ""},
    ]


def test_a_real_answer_is_read() -> None:
    body = CHAT.decode_body((STREAMS / "vllm_chat_nonstream.json").read_bytes())
    assert body.choices is not None
    (choice,) = body.choices
    assert (choice.content(), choice.reasoning(), choice.finish_reason) == ("", "", "length")
    assert json.loads(bytes(body.usage))["completion_tokens"] == 5


@pytest.mark.parametrize("field", ["delta", "message"])
def test_a_chunk_bears_a_delta_and_a_body_a_message(field: str) -> None:
    payload = json.dumps({"choices": [{field: {"content": "x"}}]}).encode()
    chunk, body = CHAT.decode_chunk(payload).choices, CHAT.decode_body(payload).choices
    assert chunk is not None and body is not None
    assert (chunk[0].content(), body[0].content()) == (("x", "") if field == "delta" else ("", "x"))
