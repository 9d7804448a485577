"""What must hold on AWS before a launch: who asks, the function and its package, its queue, how many may run at once.

Every look is one call of a service, and what cannot be looked at is said instead of raised: a missing permission to
look is a warning, a thing that is missing a failure. What only a worker can see is `probe`'s.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.checkup.check import Check
from orchestrator.checkup.quotas import Quota
from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.deployment import RegionDeployment

PROVISION = "benchctl infra up --provider aws"
EVENT_AGE_S = 60
LOOKED_BACK_S = 300


def identity(amazon: Amazon, region: str) -> Check:
    try:
        found = amazon.call(region, "sts", "get_caller_identity")
    except CallFailed as error:
        return _failed("identity", error)
    return Check("identity", "ok", str(found["Arn"]))


def function(amazon: Amazon, region: RegionDeployment, code_version: str) -> Iterator[Check]:
    """The alias and what it points to, the package, and that nothing is retried behind our back."""
    named = {"FunctionName": region.function_name, "Qualifier": region.alias}

    def asked(operation: str) -> Mapping[str, Any]:
        return amazon.call(region.region, "lambda", operation, **named)

    yield _looked("function", lambda: _configuration(asked("get_function_configuration"), region))
    yield code(region, code_version)
    yield _looked("retries", lambda: _retries(asked("get_function_event_invoke_config")))


def code(region: RegionDeployment, code_version: str) -> Check:
    if region.code_version == code_version:
        return Check("code", "ok", f"{code_version} is deployed in {region.region}")
    what = f"{region.code_version} is deployed in {region.region}, and this is {code_version}"
    return Check("code", "fail", what, PROVISION, "code_mismatch")


def failure_queue(amazon: Amazon, region: RegionDeployment) -> Check:
    try:
        found = amazon.call(
            region.region,
            "sqs",
            "get_queue_attributes",
            QueueUrl=region.failure_queue,
            AttributeNames=["ApproximateNumberOfMessages"],
        )
    except CallFailed as error:
        return _failed("failure_queue", error, weak=error.code == "aws_denied")
    waiting = int(found.get("Attributes", {}).get("ApproximateNumberOfMessages", 0))
    return Check("failure_queue", "ok", f"{waiting:,} messages of other runs wait in {region.region}")


def read_quota(amazon: Amazon, region: RegionDeployment) -> Quota:
    """Raises CallFailed. `in_use` stays unknown where the metrics cannot be read."""
    limits = amazon.call(region.region, "lambda", "get_account_settings")["AccountLimit"]
    own = amazon.call(region.region, "lambda", "get_function_concurrency", FunctionName=region.function_name)
    reserved = own.get("ReservedConcurrentExecutions")
    account = int(limits["ConcurrentExecutions"])
    return Quota(
        region=region.region,
        account=account,
        unreserved=int(limits.get("UnreservedConcurrentExecutions", account)),
        reserved=reserved,
        in_use=_in_use(amazon, region.region),
    )


def lifecycle(amazon: Amazon, region: str, root_uri: str, run_id: str = "any") -> Check:
    """Whether a rule of the bucket deletes old runs: its filter must match the keys that runs really have."""
    bucket, _, prefix = root_uri.removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/runs/{run_id}/plan.json".lstrip("/")
    try:
        found = amazon.call(region, "s3", "get_bucket_lifecycle_configuration", Bucket=bucket)
    except CallFailed as error:
        if error.reason == "NoSuchLifecycleConfiguration":
            return Check("lifecycle", "warn", f"runs in {bucket} are kept for ever", f"{PROVISION} sets a rule")
        return _failed("lifecycle", error, weak=True)
    for rule in found.get("Rules", []):
        days = rule.get("Expiration", {}).get("Days")
        if rule.get("Status") == "Enabled" and days and key.startswith(_prefix(rule)):
            return Check("lifecycle", "ok", f"runs in {bucket} are deleted after {days} days")
    return Check("lifecycle", "warn", f"no rule of {bucket} deletes {key}", f"{PROVISION} sets one")


def unreadable(name: str, error: CallFailed) -> Check:
    """A check of something that could not be looked at, which is no reason against a launch where we may not look."""
    return _failed(name, error, weak=error.code == "aws_denied")


def _configuration(found: Mapping[str, Any], region: RegionDeployment) -> Check:
    state, status = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state not in ("Active", "Inactive") or status == "InProgress":
        what = f"{region.function_name} in {region.region} is {state}, its update {status}"
        return Check("function", "fail", what, "wait a minute, and try again", "function_not_ready")
    real = (found.get("Timeout"), found.get("MemorySize"))
    if real != (region.timeout_s, region.memory_mb):
        what = f"{region.function_name} has {real[0]} s and {real[1]} MB, not the {region.timeout_s} s and "
        what += f"{region.memory_mb} MB that were provisioned"
        return Check("function", "fail", what, PROVISION, "deployment_changed")
    what = f"{region.function_name}:{region.alias} in {region.region}, {real[0]} s, {real[1]} MB, {region.architecture}"
    return Check("function", "ok", what)


def _retries(found: Mapping[str, Any]) -> Check:
    tries, age_s = found.get("MaximumRetryAttempts"), found.get("MaximumEventAgeInSeconds")
    queue = found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    what = f"{tries} retries, events live {age_s} s, failures go to {queue or 'nobody'}"
    if tries == 0 and age_s is not None and age_s <= EVENT_AGE_S and queue:
        return Check("retries", "ok", what)
    return Check("retries", "warn", what, f"{PROVISION} sets 0 retries, {EVENT_AGE_S} s and a queue")


def _looked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except CallFailed as error:
        return unreadable(name, error)


def _failed(name: str, error: CallFailed, *, weak: bool = False) -> Check:
    return Check(name, "warn" if weak else "fail", error.message, error.hint, error.code, error.path)


def _in_use(amazon: Amazon, region: str) -> int | None:
    """The account's highest concurrency of the last five minutes."""
    now = datetime.datetime.now(datetime.UTC)
    metric = {"Namespace": "AWS/Lambda", "MetricName": "ConcurrentExecutions"}
    query = {"Id": "used", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
    try:
        found = amazon.call(
            region,
            "cloudwatch",
            "get_metric_data",
            MetricDataQueries=[query],
            StartTime=now - datetime.timedelta(seconds=LOOKED_BACK_S),
            EndTime=now,
        )
    except CallFailed:
        return None
    results = found.get("MetricDataResults", [])
    return int(max(results[0].get("Values", []), default=0)) if results else None


def _prefix(rule: Mapping[str, Any]) -> str:
    """What a rule's filter asks of a key; `\\0` for one that asks for more than a prefix."""
    chosen = rule.get("Filter", {})
    if "And" in chosen or "Tag" in chosen or "ObjectSizeGreaterThan" in chosen or "ObjectSizeLessThan" in chosen:
        return "\0"
    return str(chosen.get("Prefix", rule.get("Prefix", "")))
