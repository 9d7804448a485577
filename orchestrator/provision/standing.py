"""`infra status`: what is up as it was last written down, and, when asked to look, how the cloud differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from function.contract.errors import UsageError
from orchestrator.providers.deployment import Deployment, RegionDeployment, read_deployment
from orchestrator.provision.events import Change
from orchestrator.provision.place import Asked, Place
from orchestrator.provision.regional import opened
from orchestrator.provision.speech import Speech
from orchestrator.provision.terraform import find_terraform


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """`deployment` None: an `up` began there and did not end. `differences` None: nobody looked."""

    region: str
    deployment: RegionDeployment | None
    differences: tuple[Change, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """`root_uri` None: nothing was ever completed."""

    root_uri: str | None
    regions: tuple[RegionStanding, ...]


def standing(provider: str, state_dir: Path, regions: Sequence[str], refresh: bool, speech: Speech) -> Standing:
    """`refresh`: ask the cloud, through Terraform. Nothing provisioned is no error here."""
    place = Place(provider, state_dir)
    asked = place.asked()
    deployment = _deployment(provider, state_dir)
    if asked is None:
        return Standing(None, ())
    known = {} if deployment is None else {found.region: found for found in deployment.regions}
    wanted = [region for region in asked.regions if not regions or region in regions]
    program = find_terraform() if refresh else ""
    found = tuple(
        RegionStanding(
            region, known.get(region), _differences(program, place, asked, region, speech) if refresh else None
        )
        for region in wanted
    )
    return Standing(None if deployment is None else deployment.root_uri, found)


def _differences(program: str, place: Place, asked: Asked, region: str, speech: Speech) -> tuple[Change, ...]:
    """What the next `up` would change: what was altered by hand, or never finished."""
    if not place.region(region).is_dir():
        message = f"{place.region(region)} is not there"
        raise UsageError(message, path="--state", hint="benchctl infra up makes it again", code="state_unusable")
    terraform = opened(program, place, asked, region, speech)
    speech.tell(f"{region}: terraform plan")
    said = terraform.plan("-lock=false")
    terraform.drop_plan()
    return tuple(change for change in said.changes if change.action != "no-op")


def _deployment(provider: str, state_dir: Path) -> Deployment | None:
    try:
        return read_deployment(provider, state_dir)
    except UsageError as error:
        if error.code != "not_provisioned":
            raise
        return None
