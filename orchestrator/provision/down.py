"""`infra down`: takes a deployment down, home last, and leaves nothing behind but what was asked to be kept.

A bucket with runs goes with everything in it, versions included, unless it is kept: then Terraform forgets the bucket
and its settings, which stay as they are. Refused while a run is alive in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from function.contract.errors import UsageError
from orchestrator.outcome import Problem
from orchestrator.providers.deployment import (
    Deployment,
    read_deployment,
    remove_deployment,
    write_deployment,
)
from orchestrator.provision import account as aws
from orchestrator.provision.alive import Runs, look_for_runs
from orchestrator.provision.place import Asked, Place
from orchestrator.provision.regional import opened
from orchestrator.provision.speech import Speech
from orchestrator.provision.terraform import Terraform, find_terraform

BUCKET = "aws_s3_bucket"  # the bucket, and how all of its settings' addresses begin
_FORCE = "-var=force_destroy=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwanted:
    """One command line. No regions: all of them."""

    provider: str
    state_dir: Path
    regions: tuple[str, ...] = ()
    keep_data: bool = False


@dataclass(frozen=True, slots=True)
class Fallen:
    """`kept`: the bucket's URI where it was kept."""

    regions: tuple[str, ...]
    destroyed: int
    kept: str | None
    problems: tuple[Problem, ...]


def down(unwanted: Unwanted, speech: Speech) -> Fallen:
    """Raises UsageError `not_provisioned`, `home_last`, `runs_active`, `declined`; else as `up`."""
    program = find_terraform()
    place = Place(unwanted.provider, unwanted.state_dir)
    asked = place.asked()
    if asked is None:
        message = f"nothing is provisioned on {unwanted.provider}: {place.path} is not there"
        hint = "name the folder of infra up's state with --state or BENCHCTL_STATE"
        raise UsageError(message, path="--state", hint=hint, code="not_provisioned")
    regions = _regions(asked, unwanted.regions)
    account = aws.whose_account(asked.regions[0])
    aws.check_same(asked.account, account)
    deployment = _deployment(place)
    runs = Runs(0) if deployment is None else look_for_runs(deployment.root_uri)
    if runs.active:
        hint = f"benchctl abort {runs.active[0]} --root {deployment.root_uri if deployment else ''}, or wait"
        message = f"running: {', '.join(runs.active)}"
        raise UsageError(message, path="RUN", hint=hint, code="runs_active")
    falling = _Falling(program, place, asked, unwanted.keep_data, speech)
    destroyed = 0
    for region in reversed(regions):
        destroyed += falling.region(region, f"{region} of account {account.id}", runs)
    return Fallen(regions, destroyed, falling.kept, _unseen(runs))


class _Falling:
    def __init__(self, program: str, place: Place, asked: Asked, keep_data: bool, speech: Speech) -> None:
        self._program = program
        self._place = place
        self._asked = asked
        self._keep_data = keep_data
        self._speech = speech
        self.kept: str | None = None

    def region(self, region: str, where: str, runs: Runs) -> int:
        """How many resources were destroyed there."""
        if not self._place.region(region).is_dir():
            message = f"{self._place.region(region)} is not there"
            raise UsageError(message, path="--state", hint="benchctl infra up makes it again", code="state_unusable")
        terraform = opened(self._program, self._place, self._asked, region, self._speech)
        addresses = [address for address in terraform.resources() if not _is_data(address)]
        bucket = [address for address in addresses if address.startswith(BUCKET)]
        doomed = [address for address in addresses if not (self._keep_data and address in bucket)]
        if addresses:
            self._speech.tell("\n".join(_listing(doomed, bucket if self._keep_data else [])))
            self._speech.confirm(self._question(len(doomed), where, bool(bucket), runs))
            self._settle_bucket(terraform, bucket)
            self._speech.tell(f"{region}: terraform destroy")
            terraform.plan("-destroy", _FORCE)
            terraform.apply()
        self._forget(region)
        return len(doomed)

    def _settle_bucket(self, terraform: Terraform, bucket: Sequence[str]) -> None:
        """Let go of it, or let it be destroyed though it is not empty: a setting that must be applied first."""
        if not bucket:
            return
        if not self._keep_data:
            terraform.plan(f"-target={BUCKET}.runs", _FORCE)
            terraform.apply()
            return
        self.kept = str(terraform.outputs().get("root_uri", "the bucket"))
        terraform.release(bucket)

    def _question(self, count: int, where: str, has_bucket: bool, runs: Runs) -> str:
        words = f"Destroy these {count} in {where}"
        if not has_bucket or self._keep_data:
            return f"{words}?"
        return f"{words}, with {runs.words} in the bucket?"

    def _forget(self, region: str) -> None:
        self._place.forget_region(region)
        self._asked = self._asked.without(frozenset([region]))
        deployment = _deployment(self._place)
        if deployment is not None:
            left = tuple(found for found in deployment.regions if found.region != region)
            if left:
                changed = Deployment(provider=deployment.provider, root_uri=deployment.root_uri, regions=left)
                write_deployment(changed, self._place.state_dir)
            else:
                remove_deployment(self._place.provider, self._place.state_dir)
        if self._asked.regions:
            self._place.remember(self._asked)
        else:
            self._place.forget()


def _regions(asked: Asked, given: tuple[str, ...]) -> tuple[str, ...]:
    """In the order they were made."""
    unknown = [region for region in given if region not in asked.regions]
    if unknown:
        hint = f"there are: {', '.join(asked.regions)}"
        message = f"nothing was provisioned in {', '.join(unknown)}"
        raise UsageError(message, path="--region", hint=hint, code="region_not_provisioned")
    found = tuple(region for region in asked.regions if not given or region in given)
    if asked.regions[0] in found and len(found) < len(asked.regions):
        message = f"{asked.regions[0]} holds the bucket that the others use"
        hint = "take down the others first, or all by naming none"
        raise UsageError(message, path="--region", hint=hint, code="home_last")
    return found


def _unseen(runs: Runs) -> tuple[Problem, ...]:
    if runs.count is not None:
        return ()
    return (Problem("runs_unseen", f"whether a run was alive could not be seen: {runs.why}", severity="warning"),)


def _listing(doomed: Sequence[str], kept: Sequence[str]) -> list[str]:
    return [f"  - {address}" for address in doomed] + [f"  kept: {address}" for address in kept]


def _is_data(address: str) -> bool:
    return address.startswith("data.")


def _deployment(place: Place) -> Deployment | None:
    try:
        return read_deployment(place.provider, place.state_dir)
    except UsageError:
        return None
