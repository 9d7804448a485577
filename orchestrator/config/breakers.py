"""`circuit_breakers`: inference-perf's conditions to stop a stage. Unknown keys are taken, and named as ignored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orchestrator.config.quantity import Number, PositiveSeconds, Whole, wrong
from orchestrator.config.section import TolerantSection


class BreakerMetrics(TolerantSection):
    matches: tuple[str, ...] = Field(min_length=1, description="JMESPath: which requests are watched (any of them).")
    rules: tuple[str, ...] = Field(default=(), description="JMESPath: which of these are hits. None: all.")


class Trigger(TolerantSection):
    type: Literal["consecutive", "rate_over_window"] = Field(description="Hits in a row, or their share in a window.")
    threshold: Annotated[Number, Field(ge=0)] = Field(description="Number of hits, or their share from 0 to 1.")
    window_sec: PositiveSeconds | None = Field(default=None, description="Length of the window, for rate_over_window.")
    min_samples: Annotated[Whole, Field(ge=0)] = Field(default=0, description="Fewest requests in the window.")

    @model_validator(mode="after")
    def _complete(self) -> Trigger:
        if self.type == "consecutive" and (self.threshold < 1 or not self.threshold.is_integer()):
            raise wrong("threshold of `consecutive` is a number of hits", "1, 2, 3 ...")
        if self.type == "rate_over_window" and self.threshold > 1:
            raise wrong("threshold of `rate_over_window` is a share", "0.0 to 1.0")
        if self.type == "rate_over_window" and self.window_sec is None:
            raise wrong("`rate_over_window` needs `window_sec`", "for example window_sec: 2.5")
        return self


class CircuitBreaker(TolerantSection):
    name: str = Field(min_length=1, description="Named by load.circuit_breakers.")
    metrics: BreakerMetrics = Field(description="What is watched, and what is a hit.")
    triggers: tuple[Trigger, ...] = Field(description="When it opens (any of them).")
