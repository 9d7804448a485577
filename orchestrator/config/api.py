"""`api`: which route is called, and what every request carries besides prompt and model."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.config.quantity import wrong
from orchestrator.config.secret import SecretValue
from orchestrator.config.section import NOT_YET, Section

OURS_IN_BODY = ("model", "messages", "prompt", "stream")
_MADE = ("host", "user-agent", "accept", "accept-encoding", "content-type", "authorization")  # one value for a run
OURS_IN_HEADERS = ("x-request-id", "content-length", "transfer-encoding", "connection")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _without_nulls(headers: Any) -> Any:
    return (
        {name: value for name, value in headers.items() if value is not None} if isinstance(headers, dict) else headers
    )


def _named(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise wrong(f"{name!r} cannot be the name of an HTTP header", "letters, digits and hyphens")
    if name.lower() in OURS_IN_HEADERS:
        raise wrong(f"{name} is set by benchctl for every request", "leave it out")
    return name


def _of_sessions(name: str) -> str:
    if name.lower() in _MADE:
        raise wrong(f"{name} cannot carry a session's id: it has a meaning of its own", "X-Session-ID")
    return _named(name)


def _sendable(headers: dict[str, Any]) -> dict[str, Any]:
    seen: set[str] = set()
    for name in headers:
        _named(name)
        if name.lower() in seen:
            raise wrong(f"{name} is given twice (header names do not differ by case)", "keep one")
        seen.add(name.lower())
    return headers


def _not_ours(body: dict[str, Any]) -> dict[str, Any]:
    for key in OURS_IN_BODY:
        if key in body:
            raise wrong(f"`{key}` is set by benchctl for every request", _WHERE[key])
    return body


_WHERE = {
    "model": "set server.model_name",
    "messages": "choose the prompts with `data`",
    "prompt": "choose the prompts with `data`",
    "stream": "set api.streaming",
}


class ResponseFormat(Section):
    """Structured output, sent as `response_format`."""

    type: Literal["json_schema", "json_object"] = Field(
        default="json_schema", description="A schema, or any JSON object."
    )
    name: str = Field(default="structured_output", description="Name sent with the schema.")
    json_schema: dict[str, Any] | None = Field(default=None, description="The schema, for type json_schema.")

    @model_validator(mode="after")
    def _complete(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise wrong("type json_schema needs `json_schema`", "give the schema, or type: json_object")
        return self


class Api(Section):
    """Route, streaming, headers and body of every request."""

    type: Literal["completion", "chat", "anthropic_messages"] = Field(
        default="completion",
        description="Route: /v1/completions, /v1/chat/completions or /v1/messages (the last is checked, not run yet).",
    )
    streaming: bool = Field(
        default=False,
        description="Stream answers. Without it there is no time to first token and no inter-token latency.",
    )
    headers: Annotated[dict[str, SecretValue], BeforeValidator(_without_nulls), AfterValidator(_sendable)] = Field(
        default_factory=dict,
        description="Headers sent with every request; a value may be a reference: {env: NAME}. A value that"
        " may be a secret (by the header's name, as `Bearer ...`, or from ${NAME}) is stored nowhere.",
    )
    extra_body: Annotated[dict[str, Any], AfterValidator(_not_ours)] = Field(
        repr=False,
        default_factory=dict,
        description="Merged into every request's JSON body: temperature, top_p, stop ... Sent as it stands."
        " A value whose name sounds like a secret is stored nowhere; clouds refuse it.",
    )
    slo_unit: Literal["s", "ms", "us"] | None = Field(
        default=None, description="Unit of the SLO headers (ms)." + NOT_YET
    )
    slo_ttft_header: str | None = Field(default=None, description="Header with a request's TTFT limit." + NOT_YET)
    slo_tpot_header: str | None = Field(default=None, description="Header with a request's TPOT limit." + NOT_YET)
    response_format: ResponseFormat | None = Field(default=None, description="Structured output." + NOT_YET)
    session_id_header_key: Annotated[str, AfterValidator(_of_sessions)] | None = Field(
        default=None,
        description="Header that carries a session's id, `<run_id>-<session_id>`, so that a router can keep its turns"
        " together. With data.enable_multi_turn_chat.",
    )
    session_token_header_key: str | None = Field(
        default=None, description="Response header echoed by later requests of the session." + NOT_YET
    )
