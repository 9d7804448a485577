"""How completion requests are written and completion answers read."""

from __future__ import annotations

import json

from function.arrival import Piece
from function.contract.workload import CONTINUE
from function.dialects.completion import COMPLETION


def test_all_pieces_join_to_one_prompt_whatever_their_role() -> None:
    texts = [memoryview(b"one \\n"), memoryview("zwö".encode())]
    pieces = [Piece(1, 0, 0, 6), Piece(CONTINUE, 1, 0, 4), Piece(2, 0, 0, 3)]
    assert json.loads(b"{" + b"".join(COMPLETION.prompt(pieces, texts)) + b"}") == {"prompt": "one \nzwöone"}
    assert json.loads(b"{" + b"".join(COMPLETION.prompt([], texts)) + b"}") == {"prompt": ""}


def test_chunks_and_bodies_bear_text() -> None:
    payload = b'{"choices":[{"index":1,"text":" lo","finish_reason":null},{"text":null,"finish_reason":"stop"}]}'
    for decode in (COMPLETION.decode_chunk, COMPLETION.decode_body):
        choices = decode(payload).choices
        assert choices is not None
        said = [(one.index, one.content(), one.reasoning(), one.finish_reason) for one in choices]
        assert said == [(1, " lo", "", None), (0, "", "", "stop")]
