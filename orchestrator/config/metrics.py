"""`metrics`: the server's own metrics, asked from Prometheus after the run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, HttpUrl, model_validator

from orchestrator.config.quantity import PositiveSeconds, wrong
from orchestrator.config.section import NOT_YET, Section


def _as_text(values: Any) -> Any:
    """`- namespace: x` where `- namespace="x"` was meant reaches the server as nonsense: only text passes."""
    return tuple(values) if isinstance(values, list) else values


class Prometheus(Section):
    scrape_interval: PositiveSeconds = Field(default=15.0, description="How often the server is scraped.")
    url: HttpUrl | None = Field(default=None, repr=False, description="Address of Prometheus.")
    filters: Annotated[tuple[str, ...], BeforeValidator(_as_text)] = Field(
        default=(), description="PromQL label matchers added to every query."
    )
    google_managed: bool = Field(default=False, description="Ask Google's managed service instead.")

    @model_validator(mode="after")
    def _one_source(self) -> Prometheus:
        if bool(self.url) == self.google_managed:
            raise wrong("needs exactly one source", "either `url` or `google_managed: true`")
        return self


class Metrics(Section):
    """`default` and absent are the same: the client's own measurements only."""

    type: Literal["default", "prometheus"] = Field(default="default", description="prometheus:" + NOT_YET.strip())
    prometheus: Prometheus | None = Field(default=None, description="Where to ask, for type prometheus." + NOT_YET)

    @model_validator(mode="after")
    def _complete(self) -> Metrics:
        if self.type == "prometheus" and self.prometheus is None:
            raise wrong("type prometheus needs the block `prometheus`", "prometheus: {url: http://...}")
        return self
