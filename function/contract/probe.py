"""What a worker is asked before a launch, and what it answers: things that can only be seen from where it runs.

`{"probe": Probe}` stands in the place of a payload. A worker answers within the invocation with an Answer, sends the
target nothing but (when asked to) one `GET /v1/models`, and writes nothing anywhere. No answer holds a secret.
"""

from __future__ import annotations

import msgspec

from function.contract.spec import SecretRef, Target


class Probe(msgspec.Struct, frozen=True):
    """`target`: as in a shard's spec; its secrets are looked at too, and sent when `models` is asked. None: no target.

    `secrets`: others that must be readable. `limit_s`: for all of it.
    """

    target: Target | None = None
    models: bool = False
    secrets: tuple[SecretRef, ...] = ()
    limit_s: float = 10.0


class ProbePayload(msgspec.Struct, frozen=True):
    probe: Probe


class SecretAnswer(msgspec.Struct, frozen=True):
    """`code` and `message` say why it cannot be read; both are empty when it can."""

    source: str
    name: str
    readable: bool
    code: str = ""
    message: str = ""


class TargetAnswer(msgspec.Struct, frozen=True):
    """How far the worker came. `kind` and `message`: what went wrong, as a request's `error_kind`; empty: nothing.

    `allowed`: it is on the guard's list; otherwise nothing was tried. `dns_ns`, `tls_ns` are null where that step was
    not needed, `http_status` (of `GET /v1/models`) where it was not asked or not answered. 401 and 403 are answers.
    """

    root: str
    allowed: bool
    connected: bool = False
    dns_ns: int | None = None
    connect_ns: int | None = None
    tls_ns: int | None = None
    http_status: int | None = None
    kind: str = ""
    message: str = ""


class GuardAnswer(msgspec.Struct, frozen=True):
    """The limits that the deployment set, as the worker read them."""

    allowed_targets: tuple[str, ...]  # scheme://host:port
    allowed_cidrs: tuple[str, ...]
    max_lanes: int
    max_requests_per_s: float
    max_duration_s: float
    root_uri: str


class Answer(msgspec.Struct, frozen=True):
    code_version: str
    python: str  # 3.13.1
    architecture: str  # in the platform's word: arm64 or x86_64
    wall_ns: int  # the worker's wall clock as it answered
    guard: GuardAnswer
    secrets: tuple[SecretAnswer, ...] = ()
    target: TargetAnswer | None = None
    schema_version: int = 1
