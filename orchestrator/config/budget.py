"""`budget`: what a run may not exceed. Checked by the plan, before anything is sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.config.quantity import Count, Number, PositiveSeconds, Rate
from orchestrator.config.section import Section


class TokenPrices(Section):
    """null: not counted."""

    input: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="USD per million prompt tokens.")
    output: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="USD per million output tokens.")


class Budget(Section):
    """null: only the provisioned caps hold."""

    max_usd: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="Estimated cost of the run, in USD."
    )
    max_lanes: Count | None = Field(default=None, description="Lanes.")
    max_requests_per_s: Annotated[Rate, Field(gt=0)] | None = Field(default=None, description="Peak rate.")
    max_duration: PositiveSeconds | None = Field(
        default=None, description="From the first scheduled request to the last."
    )
    token_prices: TokenPrices | None = Field(
        default=None, description="What the endpoint asks; counted in the estimated cost."
    )
