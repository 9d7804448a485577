from __future__ import annotations

import pytest

from orchestrator.config.claim import Claim, explains
from orchestrator.outcome import Problem


@pytest.mark.parametrize(
    ("absent", "explained"),
    [
        ("load.stages.0.rate", True),
        ("load.stages[].rate", True),
        ("load.stages", True),
        ("load", True),
        ("load.type", True),
        ("load.stages.1.rate", False),
        ("load.stages.0", True),
        ("load.stages.0.duration", False),
        ("data", False),
        ("lo", False),
    ],
)
def test_a_claim_rests_on_its_own_place_and_those_it_names(absent: str, explained: bool) -> None:
    claim = Claim("missing_key", "is missing", "load.stages.0.rate", rests_on=("load.type",))
    assert explains(absent, claim) is explained


def test_what_lies_below_explains_only_that_something_is_missing() -> None:
    assert explains("load.stages[].rate", Problem("missing_key", "no stage", "load.stages"))
    assert not explains("load.stages[].rate", Problem("impossible", "all warm-up", "load.stages"))
