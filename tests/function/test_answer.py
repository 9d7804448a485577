"""The verdict on an answer, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from function.answer import Answer, Ending, Verdict, judge
from function.usage import Usage

LOST = Verdict("failed", "connection_lost", "broke")
GOOD = {"finished": True, "spoke": True}


@pytest.mark.parametrize(
    ("fields", "ending", "kind"),
    [
        (GOOD, "end", None),
        (GOOD, "open", None),
        (GOOD, "lost", None),  # finished: what became of the connection does not matter any more
        ({**GOOD, "malformed": 3}, "end", None),
        ({**GOOD, "error": "no"}, "end", "error_event"),
        ({"finished": False, "spoke": True, "error": "no"}, "lost", "error_event"),
        ({"finished": False, "spoke": True}, "end", "truncated"),
        ({"finished": False, "spoke": False}, "end", "truncated"),
        ({"finished": False, "spoke": True}, "lost", "connection_lost"),
        ({"finished": False, "spoke": True, "malformed": 1}, "lost", "connection_lost"),
        ({"finished": False, "spoke": True, "malformed": 1}, "end", "malformed_event"),
        ({"finished": True, "spoke": False, "malformed": 1}, "end", "malformed_event"),
        ({"finished": True, "spoke": False}, "end", "empty_output"),
        ({"finished": True, "spoke": False, "usage": Usage(3, 0)}, "end", "empty_output"),
        ({"finished": True, "spoke": False, "usage": Usage(3, 8)}, "end", None),
        ({"finished": False, "spoke": False, "fault": ("protocol", "HTML")}, "end", "protocol"),
    ],
)
def test_the_verdict(fields: dict[str, Any], ending: Ending, kind: str | None) -> None:
    verdict = judge(Answer(**fields), ending, LOST, asked_tokens=16)
    assert verdict.kind == kind
    assert verdict.status == ("ok" if kind is None else "failed")
    assert (verdict.message is None) == (kind is None)


@pytest.mark.parametrize(("asked", "kind"), [(0, None), (1, "empty_output"), (None, "empty_output")])
def test_an_empty_answer_is_a_failure_unless_none_was_asked(asked: int | None, kind: str | None) -> None:
    assert judge(Answer(finished=True, spoke=False), "end", LOST, asked).kind == kind
