"""What only a worker can see: asked of the deployed function itself, by one invocation that is awaited.

Its code, its clock, whether its role may read the secrets, whether it reaches the endpoint and is let in. Judged here;
the look itself is the function's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from function.contract.codec import decode, encode
from function.contract.errors import ContractError
from function.contract.probe import Answer, GuardAnswer, Probe, ProbePayload, TargetAnswer
from orchestrator.checkup.check import Check
from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.deployment import RegionDeployment

PROVISION = "benchctl infra up --provider aws"
CLOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Answered:
    """`wall_s`: this machine's clock half way between question and answer; `error_s`: half of that time."""

    answer: Answer
    wall_s: float
    error_s: float


def ask(amazon: Amazon, region: RegionDeployment, probe: Probe) -> Answered | Check:
    """A failed check where it does not answer as one of this version would."""
    began_s, began = time.time(), time.monotonic()
    try:
        found = amazon.call(
            region.region,
            "lambda",
            "invoke",
            FunctionName=region.function,
            InvocationType="RequestResponse",
            Payload=encode(ProbePayload(probe)),
        )
    except CallFailed as error:
        return Check("probe", "fail", error.message, error.hint, error.code, error.path)
    took_s, body = time.monotonic() - began, bytes(found.get("Payload") or b"")
    if found.get("FunctionError"):
        said = body[:300].decode(errors="replace")
        return Check("probe", "fail", f"the function in {region.region} failed: {said}", PROVISION, "function_broken")
    try:
        answer = decode(Answer, body, "the probe's answer")
    except ContractError as error:
        return Check("probe", "fail", f"{error.message} (an older package?)", PROVISION, "code_mismatch")
    return Answered(answer, began_s + took_s / 2, took_s / 2)


@dataclass(frozen=True, slots=True)
class Load:
    """What workers would be made to do, as far as their caps limit it. `root_uri`: what holds `runs/`."""

    root_uri: str
    requests_per_s: float = 0.0
    length_s: float = 0.0


def judge(found: Answered, region: RegionDeployment, code_version: str, load: Load) -> Iterator[Check]:
    """Of one region's worker."""
    answer = found.answer
    yield _caps(answer.guard, load, region.region)
    yield _code(answer, region, code_version)
    yield _clock(answer.wall_ns / 1e9 - found.wall_s, found.error_s, region.region)
    for secret in answer.secrets:
        if secret.readable:
            yield Check("secret", "ok", f"{secret.name} can be read by the worker's role in {region.region}")
        else:
            what = f"{secret.name} cannot be read by {region.worker_role}: {secret.message or secret.code}"
            hint = f"name it in the deployment's secrets: {PROVISION}"
            yield Check("secret", "fail", what, hint, "secret_unreadable", "server.api_key")
    if answer.target is not None:
        yield _target(answer.target, answer.guard, region.region)


def _caps(guard: GuardAnswer, load: Load, region: str) -> Check:
    """Workers refuse by their own settings, whatever the plan says."""
    if load.root_uri.rstrip("/") != guard.root_uri.rstrip("/"):
        what = f"workers in {region} serve runs below {guard.root_uri}, not {load.root_uri}"
        return Check("caps", "fail", what, "leave --root out", "root_elsewhere", "--root")
    if load.requests_per_s > guard.max_requests_per_s:
        what = f"up to {load.requests_per_s:g} requests/s, and workers in {region} send {guard.max_requests_per_s:g}"
        hint = f"lower rates, or a higher max_requests_per_s: {PROVISION}"
        return Check("caps", "fail", what, hint, "cap_exceeded", "load.stages")
    if load.length_s > guard.max_duration_s:
        what = f"a run of {load.length_s:g} s, and workers in {region} send for {guard.max_duration_s:g}"
        hint = f"shorter stages, or a higher max_duration_s: {PROVISION}"
        return Check("caps", "fail", what, hint, "cap_exceeded", "load.stages")
    what = f"{guard.max_lanes:,} lanes, {guard.max_requests_per_s:,g} requests/s, {guard.max_duration_s:,g} s a run"
    return Check("caps", "ok", f"workers in {region} take up to {what}")


def _code(answer: Answer, region: RegionDeployment, code_version: str) -> Check:
    what = f"the worker in {region.region} runs {answer.code_version} on Python {answer.python}, {answer.architecture}"
    if answer.code_version == code_version:
        return Check("worker", "ok", what)
    return Check("worker", "fail", f"{what}; this is {code_version}", PROVISION, "code_mismatch")


def _clock(offset_s: float, error_s: float, region: str) -> Check:
    """Of the worker against this machine: lateness is measured by the store's clock, so far apart is only odd."""
    what = f"the worker's in {region} is {abs(offset_s):.3g} s from this machine's, known to {error_s:.2g} s"
    if abs(offset_s) - error_s <= CLOCK_S:
        return Check("worker_clock", "ok", what)
    hint = "set this machine's clock: workers follow the store's, and Lambda keeps its own"
    return Check("worker_clock", "warn", what, hint)


def _target(seen: TargetAnswer, guard: GuardAnswer, region: str) -> Check:
    path = "server.base_url"
    if not seen.allowed:
        what = f"workers in {region} may not call {seen.root}" + (f": {seen.message}" if seen.message else "")
        hint = f"allow it: {PROVISION}; allowed are {', '.join(guard.allowed_targets) or 'none'}"
        return Check("target", "fail", what, hint, "target_refused", path)
    if seen.kind:
        why = ", ".join(filter(None, (seen.kind, seen.message)))
        code = "endpoint_tls" if seen.kind == "tls" else "endpoint_unreachable"
        hint = "let the functions through to it, or correct host and port"
        return Check("target", "fail", f"{seen.root} cannot be reached from {region}: {why}", hint, code, path)
    return _answered(seen, region)


def _answered(seen: TargetAnswer, region: str) -> Check:
    """By its status: what `GET /v1/models` says of the key and of where requests would go."""
    status, steps = seen.http_status, ((seen.connect_ns, "connect"), (seen.tls_ns, "TLS"))
    took = ", ".join(f"{name} {ns / 1e6:.1f} ms" for ns, name in steps if ns is not None)
    what = f"{seen.root} answers in {region}" + (f" ({took})" if took else "")
    if status is None:
        return Check("target", "ok", what)
    if status in (401, 403):
        what = f"{seen.root} refused the worker's key (HTTP {status})"
        return Check("target", "fail", what, "check the secret's value", "key_refused", "server.api_key")
    if 300 <= status < 400:
        what = f"{seen.root} redirects elsewhere (HTTP {status}), and requests are never redirected"
        return Check("target", "fail", what, "name the server itself", "endpoint_redirects", "server.base_url")
    if status >= 500:
        return Check("target", "warn", f"{what}, HTTP {status}", "requests may fail the same way", "models_unavailable")
    return Check("target", "ok", f"{what}, HTTP {status}")
