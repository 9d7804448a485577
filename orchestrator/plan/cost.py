"""What a run will cost, estimated: functions, object storage, egress, and the endpoint's tokens where they are priced.

An estimate of a run that goes as planned: each function is billed while it waits, sends and awaits one more answer.
Where the length of a stage is not known beforehand it is what `estimates` assumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from function.contract.plan import Coordination
from orchestrator.config.budget import TokenPrices
from orchestrator.plan import estimates, prices
from orchestrator.plan.fanout import Provider
from orchestrator.plan.partition import lanes_of
from orchestrator.plan.phases import Phase
from orchestrator.plan.platform import Platform
from orchestrator.plan.volume import Volume

HEADERS_BYTES = 700  # of one request: line, headers, and the body's JSON around the prompt
RECORD_BYTES = 250  # of one request in the stored records, token times included
MONTHS_KEPT = 1.0


@dataclass(frozen=True, slots=True)
class Bill:
    """USD by what is paid for. Storage is for one month."""

    functions: float = 0.0
    invocations: float = 0.0
    storage_requests: float = 0.0
    storage: float = 0.0
    egress: float = 0.0
    tokens: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.as_dict().values())

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Load:
    """What the functions do: phases and their settings, what their requests carry, what is uploaded for them."""

    phases: Sequence[Phase]
    terms: Coordination
    volume: Volume
    upload_bytes: int


def bill(load: Load, provider: Provider, platform: Platform, tokens: TokenPrices) -> Bill:
    """Nothing but tokens costs anything on the local provider. Raises ValueError for a cloud without prices."""
    asked = load.volume.scaled(sum(estimates.requests(phase) for phase in load.phases))
    paid = _tokens(asked, tokens)
    if provider == "local":
        return Bill(tokens=paid)
    if provider != "aws":
        raise ValueError(f"no prices of {provider}")
    traffic = estimates.traffic(load.phases, load.terms, provider)
    shards = sum(len(phase.slices) * lanes_of(phase, load.terms.lanes) for phase in load.phases)
    stored = load.upload_bytes + asked.rows * RECORD_BYTES
    return Bill(
        functions=_alive_s(load) * platform.memory_gb * prices.LAMBDA_GB_S[platform.architecture],
        invocations=shards * prices.LAMBDA_REQUEST,
        storage_requests=traffic.reads * prices.S3_READ + traffic.writes * prices.S3_WRITE,
        storage=stored / 1e9 * prices.S3_GB_MONTH * MONTHS_KEPT,
        egress=(asked.prompt_bytes + asked.rows * HEADERS_BYTES) / 1e9 * prices.EGRESS_GB,
        tokens=paid,
    )


def words(made: Bill, provider: Provider) -> str:
    """What a person reads beside the sum."""
    parts = ", ".join(f"{name.replace('_', ' ')} {usd:.2g}" for name, usd in made.as_dict().items() if usd >= 0.00005)
    if provider == "local":
        return parts
    return f"{parts or 'next to nothing'} USD; list prices of {prices.AS_OF} in us-east-1, free tier not counted"


def _alive_s(load: Load) -> float:
    """Billed seconds of all lanes together."""
    return sum(estimates.alive_s(phase, load.terms) * lanes_of(phase, load.terms.lanes) for phase in load.phases)


def _tokens(asked: Volume, tokens: TokenPrices) -> float:
    return (asked.prompt_tokens * (tokens.input or 0.0) + asked.output_tokens * (tokens.output or 0.0)) / 1e6
