"""A question is asked only where it was not answered beforehand."""

from __future__ import annotations

import pytest

from function.contract.errors import UsageError
from orchestrator.provision.speech import Speech


def test_answered_beforehand() -> None:
    Speech(print).confirm("go on?")


def test_yes_and_no() -> None:
    asked: list[str] = []
    Speech(print, lambda question: not asked.append(question)).confirm("go on?")
    assert asked == ["go on?"]
    with pytest.raises(UsageError) as refused:
        Speech(print, lambda question: False).confirm("go on?")
    assert (refused.value.code, refused.value.exit_code) == ("declined", 2)
