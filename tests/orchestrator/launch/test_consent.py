"""What costs is agreed to, by a flag or by a person; what is free is not asked."""

from __future__ import annotations

import sys

import click
import pytest

from function.contract.errors import UsageError
from function.contract.plan import Cost
from orchestrator.launch.consent import ask_consent, usd_words


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def update(self, snapshot: object) -> None: ...

    def close(self) -> None: ...


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: there, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: there, raising=False)


@pytest.mark.parametrize("usd", [0.0, None])
def test_what_is_free_or_unknown_is_not_asked(usd: float | None) -> None:
    ask_consent(Cost(usd), Said(), yes=False)


def test_yes_is_enough_and_the_cost_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch, False)
    view = Said()
    ask_consent(Cost(1.234, "functions 1.2"), view, yes=True)
    assert view.lines == ["estimated cost 1.23 USD (functions 1.2)"]


def test_nobody_there_is_a_refusal_with_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch, False)
    with pytest.raises(UsageError, match=r"1\.23 USD") as refused:
        ask_consent(Cost(1.234), Said(), yes=False)
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("cost_unconfirmed", "--yes", 2)


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    at_a_terminal(monkeypatch, True)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: answer)
    if answer:
        ask_consent(Cost(1.0), Said(), yes=False)
        return
    with pytest.raises(UsageError) as refused:
        ask_consent(Cost(1.0), Said(), yes=False)
    assert refused.value.code == "cost_declined"


def test_nothing_that_costs_is_shown_as_nothing() -> None:
    assert [usd_words(usd) for usd in (0.0, 0.0001, 0.01, 12.345)] == [
        "0.00 USD",
        "under 0.01 USD",
        "0.01 USD",
        "12.35 USD",
    ]
