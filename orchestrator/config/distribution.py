"""How lengths and counts spread. The draws themselves are made where the workload is made.

`variance` is another way to write `std_dev`; after validation `std_dev` alone counts. Bounds truncate: a value
outside is drawn again, never moved onto the bound. A plain integer is a `fixed` distribution.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from orchestrator.config.quantity import Number, Whole, wrong
from orchestrator.config.section import TolerantSection


class Distribution(TolerantSection):
    """`fixed` always yields `mean`; the others stay within [min, max]."""

    short_forms: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "integer", "minimum": 0},)

    type: Literal["normal", "skew_normal", "lognormal", "uniform", "poisson", "fixed"] = Field(
        default="normal", description="Shape of the spread."
    )
    min: Annotated[Whole, Field(ge=0)] = Field(default=10, description="Smallest value; anything below is drawn again.")
    max: Annotated[Whole, Field(ge=0)] = Field(
        default=1024, description="Largest value; anything above is drawn again."
    )
    mean: Annotated[Number, Field(ge=0)] = Field(default=512.0, description="Mean before truncation.")
    std_dev: Annotated[Number, Field(ge=0)] = Field(default=200.0, description="Standard deviation before truncation.")
    variance: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="Written instead of `std_dev`.")
    skew: Number = Field(default=0.0, description="Skewness, for `skew_normal`.")
    total_count: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="How many values to draw in all, used in turn. Default: one per request."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, data: Any) -> Any:
        if isinstance(data, (int, float, str)) and not isinstance(data, bool):
            return {"type": "fixed", "min": data, "max": data, "mean": data, "std_dev": 0}
        if isinstance(data, dict) and data.get("variance") is not None:
            if data.get("std_dev"):
                raise wrong("gives both `std_dev` and `variance`", "keep one of the two")
            try:
                return {**data, "std_dev": math.sqrt(float(data["variance"]))}
            except (TypeError, ValueError):
                return data  # `variance` itself is then refused as no number of 0 or more
        return data

    @model_validator(mode="after")
    def _ordered(self) -> Distribution:
        if self.type == "fixed":
            return self
        if self.min > self.max:
            raise wrong(f"min ({self.min}) is above max ({self.max})", "min <= mean <= max")
        if "mean" in self.model_fields_set and self.mean_counts and not self.mean_inside:
            raise wrong(f"mean ({self.mean:g}) is outside [{self.min}, {self.max}]", "min <= mean <= max")
        return self

    @property
    def mean_counts(self) -> bool:
        """`uniform` is defined by its bounds alone."""
        return self.type != "uniform"

    @property
    def mean_inside(self) -> bool:
        return self.min <= self.mean <= self.max

    @property
    def spread(self) -> float:
        """The standard deviation that counts: none for `fixed`."""
        return 0.0 if self.type == "fixed" else self.std_dev
