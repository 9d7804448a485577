"""What is looked at on a cloud before anything is created there: the checks, the worker's own look, the quotas.

The checks themselves are in `checkup`; here it is said which of them a run needs, and with what. The endpoint is asked
by a worker and not from here: what this machine can reach says nothing about what a function can.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from function.contract.errors import UsageError
from function.contract.probe import Probe
from function.contract.spec import SecretRef, Target
from function.contract.version import code_version
from orchestrator.checkup import aws
from orchestrator.checkup import probe as worker
from orchestrator.checkup.check import Check, refuse_failed
from orchestrator.checkup.quotas import Need, check_quota, quota_dict
from orchestrator.launch.cloud import Cloud, authority, cloud_of, origin
from orchestrator.launch.making import Sketch
from orchestrator.launch.preflight import Endpoint
from orchestrator.plan.budget import planned_length_s
from orchestrator.plan.fanout import demand
from orchestrator.plan.target import target
from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.deployment import RegionDeployment, read_deployment, state_folder

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run, or `doctor`, wants to know of each region. `target` None: no endpoint is asked about.

    `per_lane`: invocations of one lane alive at once, 2 at a seam. `models`: GET /v1/models is asked, with the headers.
    """

    root_uri: str
    lanes: int
    per_lane: int
    target: Target | None = None
    models: bool = False
    secrets: tuple[SecretRef, ...] = ()
    requests_per_s: float = 0.0
    length_s: float = 0.0


def check_cloud(sketched: Sketch, cloud: Cloud, root: str) -> Endpoint:
    """Raises UsageError (Refused, with all that is not ok) where something a run needs does not hold."""
    prepared = sketched.prepared
    with closing(Amazon()) as amazon:
        found = refuse_failed(look(amazon, cloud, _wanted(sketched, root)))
    problems = tuple(one for one in found if one.code != "aws_denied")  # what may not be looked at is doctor's to say
    model = prepared.config.server.model_name
    if model is None:
        message = "workers do not read the server's list of models"
        raise UsageError(message, path="server.model_name", hint="name the model to ask for", code="model_unknown")
    return Endpoint((model,), problems)


def wanted_by(sketched: Sketch) -> tuple[Cloud, Wanted]:
    """What a run needs, and of which functions."""
    cloud = sketched.prepared.cloud
    assert cloud is not None
    return cloud, _wanted(sketched, sketched.inputs.target_root)


def provisioned(provider: str, root: str | None, state: str | None) -> tuple[Cloud, Wanted]:
    """Everything that is provisioned: all regions, as many lanes as they take, the first target that may be called.

    Raises UsageError as `read_deployment` does.
    """
    deployment = read_deployment(provider, state_folder(state))
    cloud = cloud_of(deployment, deployment.region_names)
    allowed = cloud.platform.allowed
    first = Target(allowed[0].rstrip("/"), "chat", True, allowed=(authority(allowed[0]),)) if allowed else None
    secrets = tuple(SecretRef("aws_secret", name) for name in deployment.home.secrets)
    lanes = cloud.platform.max_lanes or 1
    return cloud, Wanted(deployment.root_uri if root is None else root, lanes, 2, first, False, secrets)


def _wanted(sketched: Sketch, root: str) -> Wanted:
    prepared, outlined = sketched.prepared, sketched.outline
    return Wanted(
        root_uri=prepared.root,
        lanes=outlined.lanes,
        per_lane=-(-outlined.peak_concurrency // outlined.lanes),
        target=target(prepared.config, root, prepared.headers.refs, (authority(root),)),
        models=True,
        requests_per_s=demand(prepared.config).requests_per_s,
        length_s=planned_length_s(outlined.schedule),
    )


def look(amazon: Amazon, cloud: Cloud, wanted: Wanted) -> tuple[Check, ...]:
    """Everything about the deployment, its regions side by side."""
    home = cloud.deployment.home
    who = aws.identity(amazon, home.region)
    if who.state == "fail":
        return (who,)  # nothing else would answer
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda place: _region(amazon, cloud, place, wanted), range(len(cloud.regions))))
    kept = aws.lifecycle(amazon, home.region, wanted.root_uri)
    allowed = () if wanted.target is None else (_allowed(cloud, wanted.target.root),)
    return (who, *allowed, *(check for region in found for check in region), kept)


def quotas(sketched: Sketch, cloud: Cloud) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """For `plan`: (the quotas against the peak, why they are not known)."""
    outlined = sketched.outline
    per_lane = -(-outlined.peak_concurrency // outlined.lanes)
    try:
        with closing(Amazon()) as amazon:
            read = [aws.read_quota(amazon, region) for region in cloud.regions]
    except CallFailed as error:
        return None, (f"the quotas are not known: {error.message}",)
    needs = [_need(cloud, place, outlined.lanes, per_lane) for place in range(len(read))]
    short = [check.what for check in map(check_quota, read, needs) if check.state == "fail"]
    return quota_dict(list(zip(read, needs))), tuple(f"launch will refuse this: {what}" for what in short)


def _region(amazon: Amazon, cloud: Cloud, place: int, wanted: Wanted) -> tuple[Check, ...]:
    region = cloud.regions[place]
    need = _need(cloud, place, wanted.lanes, wanted.per_lane)
    function = tuple(aws.function(amazon, region, code_version()))
    checks = [*function, aws.failure_queue(amazon, region), _quota(amazon, region, need)]
    if any(check.state == "fail" for check in function):
        return tuple(checks)  # a probe would only fail in other words
    asked = worker.ask(amazon, region, Probe(wanted.target, wanted.models, wanted.secrets))
    if isinstance(asked, Check):
        return (*checks, asked)
    load = worker.Load(wanted.root_uri, wanted.requests_per_s, wanted.length_s)
    return (*checks, *worker.judge(asked, region, code_version(), load))


def _quota(amazon: Amazon, region: RegionDeployment, need: Need) -> Check:
    try:
        return check_quota(aws.read_quota(amazon, region), need)
    except CallFailed as error:
        return aws.unreadable("quota", error)


def _need(cloud: Cloud, place: int, lanes: int, per_lane: int) -> Need:
    own = len(range(place, lanes, len(cloud.regions)))
    return Need(own, own * per_lane)


def _allowed(cloud: Cloud, root: str) -> Check:
    target, allowed = origin(root), cloud.platform.allowed
    if target in {origin(one) for one in allowed}:
        return Check("allowed", "ok", f"{target} may be called")
    what = f"{target} is not among the targets that were provisioned ({', '.join(allowed) or 'none'})"
    hint = "add it to allowed_targets: benchctl infra up --provider aws"
    return Check("allowed", "fail", what, hint, "target_refused", "server.base_url")
