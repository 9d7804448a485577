"""`server`: the endpoint under test, or the embedded model server in its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from orchestrator.config.endpoint import checked_base_url
from orchestrator.config.quantity import Count, Seconds, Share, Whole, exact, wrong
from orchestrator.config.secret import SecretValue
from orchestrator.config.section import Section


class Faults(Section):
    """Share of requests that meet each fault. A request meets at most one."""

    http_500: Share = Field(default=0.0, description="Answered with status 500.")
    http_429: Share = Field(default=0.0, description="Answered with status 429.")
    http_503: Share = Field(default=0.0, description="Answered with status 503.")
    cut: Share = Field(default=0.0, description="Connection cut in mid-answer.")
    stall: Share = Field(default=0.0, description="The answer stops in the middle for `stall_s`.")
    error_event: Share = Field(default=0.0, description="An error event inside an answer with status 200.")
    malformed: Share = Field(default=0.0, description="An event that is no JSON.")
    slow_accept: Share = Field(default=0.0, description="The request is left unread for a second.")
    zombie: Share = Field(default=0.0, description="The answer dies, keep-alive comments go on.")

    @model_validator(mode="after")
    def _at_most_one(self) -> Faults:
        total = sum(exact(getattr(self, name)) for name in type(self).model_fields)
        if total > 1:
            raise wrong(f"the shares add up to {float(total):g}", "at most 1: a request meets at most one fault")
        return self


class Mock(Section):
    """The embedded model server."""

    ttft: Seconds = Field(default=0.05, description="Time to the first token, once a slot is free.")
    itl: Seconds = Field(default=0.01, description="Time between tokens.")
    slots: Count | None = Field(
        default=None, description="Requests served at once; more of them queue. null: no limit."
    )
    faults: Faults = Field(default=Faults(), description="What goes wrong, and how often.")
    ttft_law: Literal["fixed", "exponential"] = Field(
        default="fixed", description="Whether every first token takes `ttft`, or `ttft` is the mean."
    )
    prefix_cache: bool = Field(default=False, description="A prompt seen before gets its first token sooner.")
    stall_s: Seconds = Field(default=5.0, description="How long a stall lasts.")
    seed: Annotated[Whole, Field(ge=0)] = Field(default=0, description="Same seed, same faults and times.")

    def settings(self) -> dict[str, Any]:
        """The same in the mock server's own names, as plain JSON values."""
        plain = self.model_dump(exclude={"ttft", "itl"})
        return {"ttft_s": self.ttft, "itl_s": self.itl, **plain}


class Server(Section):
    type: Literal["vllm", "sglang", "tgi", "mock"] = Field(
        default="vllm",
        description="Kind of server; all speak OpenAI's API. mock without base_url: embedded for the run.",
    )
    model_name: str | None = Field(
        default=None, min_length=1, description="Model asked for. Default: the first that GET /v1/models names."
    )
    base_url: Annotated[str, AfterValidator(checked_base_url)] | None = Field(
        default=None,
        description="Where the server is: http://host:8000, with or without /v1, a path before it, or a slash.",
    )
    ignore_eos: bool = Field(
        default=True, description="Ask for outputs of the full length (not part of OpenAI's own API)."
    )
    api_key: SecretValue | None = Field(
        default=None,
        description="Sent as `Authorization: Bearer`. A reference: {env: NAME}, {aws_secret: ARN}, {gcp_secret: NAME}.",
    )
    cert_path: str | None = Field(default=None, description="Client certificate, PEM.")
    key_path: str | None = Field(default=None, description="Its private key, PEM.")
    ca_file: str | None = Field(
        default=None, description="PEM of a certificate authority to trust besides the system's."
    )
    transport: Literal["auto", "native", "aiohttp"] = Field(
        default="auto", description="Which HTTP client sends the load."
    )
    mock: Mock | None = Field(
        default=None, description="Behaviour of the embedded server, for type mock without base_url."
    )

    @property
    def embedded(self) -> bool:
        """Whether the run brings its own model server."""
        return self.type == "mock" and self.base_url is None
