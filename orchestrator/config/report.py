"""`report`: which of inference-perf's files are written, which percentiles they hold, and what counts as good."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.config.quantity import Number, PositiveSeconds, Whole, wrong
from orchestrator.config.section import NOT_YET, Section

PERCENTILES = (0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9)


def _once_each(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) != len(values):
        raise wrong("names a percentile twice", "each once")
    return values


class RequestLifecycle(Section):
    summary: bool = Field(default=True, description="Write summary_lifecycle_metrics.json.")
    per_stage: bool = Field(default=True, description="Write stage_N_lifecycle_metrics.json.")
    per_request: bool = Field(default=False, description="Write per_request_lifecycle_metrics.json.")
    per_adapter: bool = Field(
        default=True, description="Write a file per LoRA adapter, once traffic is split by adapter."
    )
    per_adapter_stage: bool = Field(default=False, description="The same by stage.")
    percentiles: Annotated[
        tuple[Annotated[Number, Field(ge=0, le=100)], ...], Field(min_length=1), AfterValidator(_once_each)
    ] = Field(default=PERCENTILES, description="Percentiles in these files.")
    use_server_output_tokens: bool = Field(
        default=False,
        description="Accepted. Output tokens are the server's count wherever it gives one; the report says which.",
    )
    max_error_messages: Annotated[Whole, Field(ge=0)] = Field(
        default=100, description="Distinct messages kept per error."
    )


class PrometheusReport(Section):
    summary: bool = Field(default=True, description="Server metrics of the whole run, once they are asked for.")
    per_stage: bool = Field(default=False, description="The same by stage.")


class SessionLifecycle(Section):
    summary: bool = Field(default=True, description="Session metrics of the whole run, once sessions are replayed.")
    per_stage: bool = Field(default=True, description="The same by stage.")
    per_session: bool = Field(default=False, description="One row per session.")


class Constraints(Section):
    """Limits every good request meets at once."""

    ttft: PositiveSeconds | None = Field(default=None, description="Time to first token.")
    tpot: PositiveSeconds | None = Field(default=None, description="Time per output token after the first.")
    itl: PositiveSeconds | None = Field(default=None, description="Mean gap between output events.")
    ntpot: PositiveSeconds | None = Field(default=None, description="Whole time / output tokens.")
    request_latency: PositiveSeconds | None = Field(default=None, description="Whole time.")


class Goodput(Section):
    constraints: Constraints = Field(
        default=Constraints(), description="SLOs. Goodput is the share of planned requests that meet them all."
    )

    @property
    def limits(self) -> dict[str, float]:
        """The constraints that were given: inference-perf's short name -> seconds. Empty: no goodput is reported."""
        given = ((name, getattr(self.constraints, name)) for name in Constraints.model_fields)
        return {name: limit for name, limit in given if limit is not None}


class Report(Section):
    request_lifecycle: RequestLifecycle = Field(
        default=RequestLifecycle(), description="Files about requests, under inference-perf's names."
    )
    prometheus: PrometheusReport = Field(
        default=PrometheusReport(), description="Files about the server's metrics." + NOT_YET
    )
    session_lifecycle: SessionLifecycle = Field(
        default=SessionLifecycle(), description="Files about sessions." + NOT_YET
    )
    goodput: Goodput = Field(default=Goodput(), description="What counts as a good request.")
