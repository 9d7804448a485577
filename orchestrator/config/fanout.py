"""`fanout`: how the load is spread over functions. `auto` stays `auto` here: the plan resolves it and shows what to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.config.quantity import CountOrAuto, Number, PositiveSeconds, RateOrAuto, SecondsOrAuto
from orchestrator.config.section import Section


class LaneCeiling(Section):
    requests_per_s: RateOrAuto = Field(
        default="auto",
        description="Requests per second one lane is planned for. auto: half of what fills a core, as `benchctl doctor"
        " --calibrate` measured it on this machine; without that, and on clouds, 200.",
    )
    streams: CountOrAuto = Field(
        default="auto", description="Open streams one lane is planned for. auto: 2.5 for each of those requests."
    )


class Ready(Section):
    min: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Share of a slice's shards that must be ready. Not reached for the first slice: no load, exit 1."
        " Below 1.0 lanes may be missing, and the run is then INVALID as a whole.",
    )
    timeout: PositiveSeconds = Field(default=60.0, description="How long to wait for it.")


class Fanout(Section):
    """Lanes, slices, and the timing of their coordination."""

    lanes: CountOrAuto = Field(
        default="auto",
        description="Parallel lines of load. auto: load.num_workers, else what peak rate and streams need.",
    )
    lane_ceiling: LaneCeiling = Field(
        default=LaneCeiling(), description="Sizes `lanes: auto` and warns when passed; never throttles."
    )
    slice: SecondsOrAuto = Field(
        default="auto",
        description="Time one function invocation sends. auto: local and gcp the whole phase, aws at most 600s.",
    )
    lead: SecondsOrAuto = Field(default="auto", description="How long before its boundary the next slice is invoked.")
    ready: Ready = Field(default=Ready(), description="How much of a slice must be ready, and by when.")
    start_delay: SecondsOrAuto = Field(default="auto", description="From go to t0. auto: local 0.3s, clouds 5s.")
    lease: PositiveSeconds = Field(
        default=30.0,
        description="Workers fall silent when the orchestrator has not renewed for half of it. At least 6s locally, 10s"
        " on a cloud.",
    )
    max_lateness: PositiveSeconds = Field(
        default=5.0, description="A request later than this after its time is not sent: `missed`."
    )
    drain: SecondsOrAuto = Field(
        default="auto", description="Wait for answers after the last send. auto: request_timeout, at most 120s."
    )
    flush: PositiveSeconds = Field(
        default=5.0, description="How often records are stored; what a killed worker can lose."
    )
    regions: tuple[str, ...] = Field(default=(), description="Regions to spread lanes over.")
