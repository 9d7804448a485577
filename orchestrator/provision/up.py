"""`infra up`: makes a deployment what was asked for, region by region, home first.

Each region is planned, shown, confirmed and applied before the next is looked at, for the others are made of home's
outputs. What launching needs is written down after every region, so that a failure in the third leaves two usable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from function.contract.errors import UsageError
from orchestrator.outcome import Problem
from orchestrator.providers.deployment import Deployment, RegionDeployment, read_deployment, write_deployment
from orchestrator.provision import account as aws
from orchestrator.provision.account import Account
from orchestrator.provision.module import Variable, module_variables
from orchestrator.provision.packaging import build_into, take_into
from orchestrator.provision.place import Asked, Deployed, Place
from orchestrator.provision.regional import as_deployment, opened, region_values
from orchestrator.provision.speech import Speech
from orchestrator.provision.terraform import Terraform, find_terraform
from orchestrator.provision.variables import assigned

_REGION = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One command line. Regions and variables that were asked for before stay; `package` None: built now."""

    provider: str
    state_dir: Path
    regions: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    package: Path | None = None
    arch: str | None = None
    plan_only: bool = False


@dataclass(frozen=True, slots=True)
class RegionRaised:
    """How many resources were (or, planned only, would be) added, changed and removed. `applied`: they were."""

    region: str
    add: int
    change: int
    remove: int
    applied: bool


@dataclass(frozen=True, slots=True)
class Raised:
    """`deployment` is None where nothing was ever applied."""

    account: Account
    regions: tuple[RegionRaised, ...]
    deployment: Deployment | None
    outputs: Mapping[str, Any]  # of home
    problems: tuple[Problem, ...]


def up(wanted: Wanted, speech: Speech) -> Raised:
    """Raises UsageError before anything is changed, ProviderError where Terraform failed, KeyboardInterrupt."""
    program = find_terraform()
    place = Place(wanted.provider, wanted.state_dir)
    known = module_variables(wanted.provider)
    given = assigned(wanted.variables, known)
    before = place.asked()
    regions = _regions(before, wanted.regions)
    account = aws.whose_account(regions[0])
    aws.check_same(None if before is None else before.account, account)
    variables = {**({} if before is None else before.variables), **given}
    package = _package(wanted, place, before, speech)
    asked = Asked(
        account=account.id,
        regions=regions,
        package=package,
        variables={name: value for name, value in variables.items() if value is not None},
    )
    raising = _Raising(program, place, asked, known, account, speech)
    return raising.planned() if wanted.plan_only else raising.applied()


class _Raising:
    def __init__(
        self,
        program: str,
        place: Place,
        asked: Asked,
        known: Mapping[str, Variable],
        account: Account,
        speech: Speech,
    ) -> None:
        self._program = program
        self._place = place
        self._asked = asked
        self._known = known
        self._account = account
        self._speech = speech
        self._problems: list[Problem] = []
        self._earlier = _earlier(place)

    def applied(self) -> Raised:
        raised: list[RegionRaised] = []
        made: dict[str, RegionDeployment] = {}
        home: dict[str, Any] | None = None
        for region in self._asked.regions:
            terraform, found = self._plan(region, home)
            if found.add + found.change + found.remove:
                where = f"{region} of account {self._account.id}"
                self._speech.confirm(f"Make these changes in {where}?")
            self._place.remember(self._asked)
            terraform.apply()
            outputs = terraform.outputs()
            home = outputs if home is None else home
            made[region] = as_deployment(outputs)
            self._write(home, made)
            raised.append(replace(found, applied=True))
        self._place.drop_packages(keep=self._asked.package.file)
        assert home is not None
        return self._raised(raised, home)

    def planned(self) -> Raised:
        """Changes nothing: also the variables of what is deployed stay as they were."""
        raised: list[RegionRaised] = []
        home: dict[str, Any] | None = None
        for region in self._asked.regions:
            if home is not None and "root_uri" not in home:
                words = f"{region} can be planned once {self._asked.regions[0]} is applied"
                self._problems.append(Problem("not_planned", words, "--region", severity="warning"))
                continue
            values = self._place.values(region)
            try:
                terraform, found = self._plan(region, home)
                terraform.drop_plan()
                raised.append(found)
                home = terraform.outputs() if home is None else home
            finally:
                if values is not None:
                    self._place.put_values(region, values)
        return self._raised(raised, home or {})

    def _plan(self, region: str, home: Mapping[str, Any] | None) -> tuple[Terraform, RegionRaised]:
        values = self._within_limits(region, region_values(self._asked, region, home))
        self._place.prepare(region, values)
        terraform = opened(self._program, self._place, self._asked, region, self._speech)
        self._speech.tell(f"{region}: terraform plan")
        said = terraform.plan()
        replaced = said.count("replace")
        found = RegionRaised(
            region,
            said.count("create") + replaced,
            said.count("update"),
            said.count("delete") + replaced,
            applied=False,
        )
        self._speech.tell(terraform.shown(color=self._speech.color).strip())
        return terraform, found

    def _within_limits(self, region: str, values: dict[str, Any]) -> dict[str, Any]:
        """A reservation that the account cannot hold would fail half way: it is left out, and said."""
        if not values.get("reserve_concurrency"):
            return values
        lanes = int(values.get("max_lanes", self._known["max_lanes"].default))
        limits = aws.concurrency(region)
        earlier = self._earlier.get(region)
        if limits.holds(2 * lanes, (earlier.reserved_concurrency if earlier else None) or 0):
            return values
        self._problems.append(
            Problem(
                "reservation_impossible",
                f"{region}: {2 * lanes} cannot be reserved: of {limits.limit} concurrent executions"
                f" {limits.unreserved} are unreserved, and {aws.KEPT_UNRESERVED} must stay so; nothing is reserved",
                "--var reserve_concurrency",
                f"ask for a higher quota: Service Quotas, AWS Lambda, {aws.QUOTA}; then run infra up again",
                "warning",
            )
        )
        return {**values, "reserve_concurrency": False}

    def _write(self, home: Mapping[str, Any], made: Mapping[str, RegionDeployment]) -> None:
        """Regions not yet reached are as they were."""
        known = {**self._earlier, **made}
        regions = tuple(known[region] for region in self._asked.regions if region in known)
        deployment = Deployment(provider=self._place.provider, root_uri=str(home["root_uri"]), regions=regions)
        write_deployment(deployment, self._place.state_dir)

    def _raised(self, raised: Sequence[RegionRaised], home: Mapping[str, Any]) -> Raised:
        if not self._asked.variables.get("allowed_targets"):
            words = "workers may not call any endpoint yet"
            hint = "benchctl infra up with --var allowed_targets=https://HOST"
            self._problems.append(Problem("no_targets", words, "--var allowed_targets", hint, "warning"))
        deployment = _deployment(self._place)
        return Raised(self._account, tuple(raised), deployment, home, tuple(self._problems))


def _regions(before: Asked | None, given: tuple[str, ...]) -> tuple[str, ...]:
    """Those of before, and the new ones behind them."""
    odd = [region for region in given if not _REGION.fullmatch(region)]
    if odd:
        hint = "as in eu-west-1; one --region for each"
        raise UsageError(f"{odd[0]!r} is not a region", path="--region", hint=hint, code="region")
    known = () if before is None else before.regions
    found = tuple(dict.fromkeys((*known, *given)))
    if found:
        return found
    usual = aws.default_region()
    if usual is None:
        hint = "--region eu-west-1, AWS_REGION, or a region in the profile"
        raise UsageError("no region was named", path="--region", hint=hint, code="region_missing")
    return (usual,)


def _package(wanted: Wanted, place: Place, before: Asked | None, speech: Speech) -> Deployed:
    if wanted.package is not None:
        return take_into(place, wanted.package, wanted.arch)
    arch = wanted.arch or ("arm64" if before is None else before.package.architecture)
    speech.tell(f"building the worker's package for {arch}")
    return build_into(place, arch)


def _deployment(place: Place) -> Deployment | None:
    try:
        return read_deployment(place.provider, place.state_dir)
    except UsageError as error:
        if error.code != "not_provisioned":
            raise
        return None


def _earlier(place: Place) -> dict[str, RegionDeployment]:
    """What an earlier `up` left. A file that cannot be read is written again by this one."""
    try:
        found = read_deployment(place.provider, place.state_dir)
    except UsageError:
        return {}
    return {region.region: region for region in found.regions}
