"""The estimate: prices times what a plan takes, nothing on this machine, tokens only where they are priced."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.budget import TokenPrices
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.datasets.opening import open_dataset
from orchestrator.plan import prices
from orchestrator.plan.build import build
from orchestrator.plan.cost import Bill, Load, bill, words
from orchestrator.plan.outline import outline
from orchestrator.plan.platform import Platform
from orchestrator.plan.volume import Volume
from tests.orchestrator.plan.planned import built, config, inputs

HOUR = {"stages": [{"rate": 100, "duration": "1h"}], "num_workers": 100, "request_timeout": 30}


def aws_bill(load: dict[str, Any], platform: Platform | None = None, **volume: float) -> Bill:
    asked, platform = config(load), platform or Platform()
    found = outline(asked, inputs(asked, provider="aws", platform=platform))
    made = Load(found.schedule.phases, found.coordination, Volume(rows=1, **volume), 10**6)
    return bill(made, "aws", platform, TokenPrices())


def test_a_hundred_functions_for_an_hour_cost_what_a_hand_calculates() -> None:
    """1,769 MB on arm64: 0.0207 USD for 900 s, so 8.3 USD an hour for 100; waits and leads add some percent."""
    found = aws_bill(HOUR)
    assert found.functions == pytest.approx(8.29, rel=0.15)
    assert found.functions > 100 * 3600 * 1769 / 1024 * prices.LAMBDA_GB_S["arm64"]
    assert found.invocations == pytest.approx(600 * 0.2e-6)
    assert 0.1 < found.storage_requests < 3.0
    assert found.tokens == 0.0


@pytest.mark.parametrize("key", ["functions", "storage_requests", "total"])
def test_twice_as_long_costs_about_twice_as_much(key: str) -> None:
    twice = {**HOUR, "stages": [{"rate": 100, "duration": "2h"}]}
    assert getattr(aws_bill(twice), key) == pytest.approx(2 * getattr(aws_bill(HOUR), key), rel=0.05)


def test_memory_and_architecture_price_the_functions_alone() -> None:
    small, large = aws_bill(HOUR), aws_bill(HOUR, Platform(memory_mb=2 * 1769, architecture="x86_64"))
    assert large.functions == pytest.approx(2 * small.functions * 1.25, rel=1e-3)
    assert large.storage_requests == small.storage_requests


def test_prompts_leave_through_egress() -> None:
    found = aws_bill(HOUR, prompt_bytes=10_000)
    assert found.egress == pytest.approx(360_000 * 10_700 / 1e9 * prices.EGRESS_GB)


def test_tokens_are_priced_where_the_config_says_how() -> None:
    load = {"stages": [{"rate": 10, "duration": 10}]}
    free = built(load)
    assert (free.plan.cost.usd, free.plan.cost.note) == (0.0, "")
    priced = built(load, budget={"token_prices": {"output": 2.0}})
    assert priced.plan.cost.usd is not None and priced.plan.cost.usd >= 0
    assert bill(Load((), free.plan.coordination, Volume(), 0), "local", Platform(), TokenPrices(input=1)).total == 0


def test_a_closed_loop_by_time_is_scaled_to_what_it_will_send() -> None:
    volume = Volume(rows=10, prompt_tokens=1000, output_tokens=50, prompt_bytes=4000)
    assert volume.scaled(5) == Volume(5, 500, 25, 2000)
    assert Volume().scaled(5) == Volume(5)


def test_a_plan_dearer_than_the_budget_is_refused_at_its_key() -> None:
    asked = config(HOUR, budget={"max_usd": 1})
    given = inputs(asked, provider="aws")
    with pytest.raises(ConfigInvalid) as refused:
        build(asked, given, open_dataset(asked, given.seed, 360_000, None))
    assert (refused.value.problems[0].code, refused.value.problems[0].path) == ("budget_exceeded", "budget.max_usd")


def test_words_name_the_parts_and_the_prices_age() -> None:
    said = words(aws_bill(HOUR), "aws")
    assert "functions" in said and prices.AS_OF in said and "us-east-1" in said
    assert words(Bill(), "local") == ""


def test_every_price_says_where_it_was_read() -> None:
    named = {name for name in vars(prices) if name.isupper() and name not in ("AS_OF", "SOURCES")}
    assert named == set(prices.SOURCES)
