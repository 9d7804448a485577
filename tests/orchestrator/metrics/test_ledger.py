from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.metrics.ledger import Ledger, ledger_of


@given(st.lists(st.integers(0, 5)))
def test_it_balances_whatever_became_of_them(status: list[int]) -> None:
    ledger = ledger_of(np.array(status, np.int8))
    assert ledger.balances
    assert ledger.planned == len(status)
    assert list(ledger.as_dict()) == ["planned", "ok", "failed", "timed_out", "missed", "aborted", "lost"]


def test_planted_a_ledger_that_forgets_one_does_not_balance() -> None:
    assert not Ledger(planned=3, ok=1, lost=1).balances
