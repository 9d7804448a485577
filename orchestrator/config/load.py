"""`load`: when requests are due. One stage is one load shape for one duration; what a shape means is the plan's.

Rates are per second over all lanes. Which keys go together is checked in `load_checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from orchestrator.config.quantity import SECONDS_SCHEMA, Count, Number, PositiveSeconds, Rate, Seconds, Whole
from orchestrator.config.replay import Trace
from orchestrator.config.section import NOT_YET, Section

LoadType = Literal["constant", "poisson", "gamma", "concurrent", "trace_replay", "trace_session_replay"]


class Spike(Section):
    """The rate jumps to `rate` at `at` for `for`, then falls back."""

    rate: Rate = Field(description="Requests per second during the spike.")
    at: Seconds = Field(description="When it begins, from the stage's start.")
    for_: PositiveSeconds = Field(alias="for", description="How long it lasts; it ends within the stage.")


class Sine(Section):
    """rate + amplitude x sin(2 pi t / period)."""

    amplitude: Annotated[Rate, Field(gt=0)] = Field(description="Swing above and below `rate`; at most `rate`.")
    period: PositiveSeconds = Field(description="Length of one cycle.")


class Stage(Section):
    """Which keys apply depends on load.type; null means absent."""

    rate: Rate | None = Field(
        default=None, description="Requests per second, over all lanes. Above 0 unless a shape lifts it."
    )
    duration: PositiveSeconds | None = Field(
        default=None, description="Length of the stage. For concurrent: run by time instead of by count."
    )
    rate_end: Rate | None = Field(default=None, description="A linear ramp from `rate` to this.")
    steps: Annotated[Count, Field(ge=2)] | None = Field(
        default=None, description="With `rate_end`: this many equal steps instead of a ramp, both ends included."
    )
    spike: Spike | None = Field(default=None, description="A spike on top of a constant rate.")
    sine: Sine | None = Field(default=None, description="A sine around a constant rate.")
    concurrency_level: Count | None = Field(
        default=None, description="For concurrent: users over all lanes, each with one request in flight."
    )
    num_requests: Count | None = Field(
        default=None, description="For concurrent: end after exactly this many requests."
    )
    warmup: bool = Field(default=False, description="Sent and recorded, measured by nothing.")
    concurrent_sessions: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="For trace_session_replay: sessions at once, 0 = all." + NOT_YET
    )
    session_rate: Annotated[Rate, Field(gt=0)] | None = Field(
        default=None, description="For trace_session_replay: sessions started per second." + NOT_YET
    )
    num_sessions: Count | None = Field(
        default=None, description="For trace_session_replay: sessions of this stage." + NOT_YET
    )
    timeout: PositiveSeconds | None = Field(
        default=None, description="For trace_session_replay: the stage ends after this." + NOT_YET
    )

    @property
    def shape(self) -> Literal["constant", "ramp", "steps", "spike", "sine"]:
        """Which shape the rate has, for a stage that has a rate."""
        if self.steps is not None:
            return "steps"
        if self.rate_end is not None:
            return "ramp"
        if self.spike is not None:
            return "spike"
        return "constant" if self.sine is None else "sine"


class Sweep(Section):
    """inference-perf's search for the saturation rate."""

    type: Literal["linear", "geometric"] = Field(description="Spacing of the stages' rates.")
    num_requests: Count = Field(default=2000, description="Requests of the first burst.")
    timeout: PositiveSeconds = Field(default=60.0, description="Limit of the first burst.")
    num_stages: Count = Field(default=5, description="Stages to make.")
    stage_duration: PositiveSeconds = Field(default=180.0, description="Length of each.")
    saturation_percentile: Annotated[Number, Field(ge=0, le=100)] = Field(
        default=95.0, description="Of the rates seen."
    )


class AdapterShare(Section):
    """One LoRA adapter's share of the traffic."""

    name: str = Field(min_length=1, description="Adapter.")
    split: Annotated[Number, Field(gt=0, le=1)] = Field(description="Share of the traffic; all shares add up to 1.")


class Timeouts(Section):
    """A duration alone is `total`."""

    short_forms: ClassVar[tuple[dict[str, Any], ...]] = (SECONDS_SCHEMA,)

    connect: PositiveSeconds | None = Field(default=10.0, description="DNS, TCP and TLS.")
    first_token: PositiveSeconds | None = Field(
        default=None, description="From sent to the first token. null: no limit."
    )
    idle: PositiveSeconds | None = Field(
        default=None,
        description="Between data events, and from the answer's head to the first one unless first_token limits that; "
        "keep-alive comments do not count. null: no limit.",
    )
    total: PositiveSeconds = Field(default=300.0, description="From sent to the end of the answer.")

    @model_validator(mode="before")
    @classmethod
    def _total_alone(cls, data: Any) -> Any:
        return {"total": data} if isinstance(data, (int, float, str)) and not isinstance(data, bool) else data


class Load(Section):
    """The whole schedule, and the limits of a request."""

    type: LoadType = Field(
        default="constant",
        description="constant (evenly spaced), poisson, gamma (bursty), or concurrent (closed loop). The trace replays"
        " are checked, not run yet.",
    )
    burstiness: Annotated[Number, Field(gt=0)] = Field(
        default=1.0, description="For gamma: shape of the gaps. 1 is Poisson, below 1 burstier, above 1 more even."
    )
    base_seed: Annotated[Whole, Field(ge=0, lt=2**63)] | None = Field(
        default=None, description="Same seed, same requests. null: drawn, and written to plan.json."
    )
    interval: Seconds = Field(default=1.0, description="From one stage's planned end to the next one's start.")
    max_concurrency: Count | None = Field(
        default=None,
        description="Most requests in flight over all lanes. An arrival that finds it full waits, and the wait counts"
        " from its scheduled time.",
    )
    request_timeout: Timeouts = Field(
        default=Timeouts(), description="Limits of one request: a number for the whole, or the four apart."
    )
    stages: tuple[Stage, ...] = Field(default=(), description="Run one after the other.")
    num_workers: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="inference-perf's processes: taken for `fanout.lanes` where that is auto."
    )
    worker_max_concurrency: Count | None = Field(default=None, description="Accepted; no effect.")
    worker_max_tcp_connections: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Accepted; no effect."
    )
    sweep: Sweep | None = Field(default=None, description="Find the saturation rate." + NOT_YET)
    trace: Trace | None = Field(default=None, description="Arrival times, for trace_replay." + NOT_YET)
    circuit_breakers: tuple[str, ...] = Field(default=(), description="Names of breakers to watch." + NOT_YET)
    lora_traffic_split: tuple[AdapterShare, ...] | None = Field(
        default=None, description="Traffic by adapter." + NOT_YET
    )
