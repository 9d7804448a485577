"""What is provisioned on a cloud, made ready for a plan: the regions its lanes take, the limits of its functions.

Reads the deployment's file and contacts nothing; whether it still says the truth is the checks' to find out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from function.contract.errors import UsageError
from function.contract.plan import RegionPlan
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan.platform import Platform
from orchestrator.providers.deployment import Deployment, RegionDeployment, read_deployment

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Cloud:
    """`regions`: those that this run uses, in the order in which lanes take them."""

    deployment: Deployment
    regions: tuple[RegionDeployment, ...]

    @property
    def platform(self) -> Platform:
        """The least of what the regions allow."""
        allowed = [set(one.allowed_targets) for one in self.regions]
        return Platform(
            invocation_s=min(one.timeout_s for one in self.regions),
            memory_mb=max(one.memory_mb for one in self.regions),
            architecture=self.regions[0].architecture,
            max_lanes=min(one.max_lanes for one in self.regions),
            regions=tuple(
                RegionPlan(one.region, one.function, one.failure_queue, one.log_group) for one in self.regions
            ),
            allowed=tuple(target for target in self.regions[0].allowed_targets if all(target in a for a in allowed)),
        )


def find_cloud(config: Config, provider: str, state: Path, provisioned: bool) -> Cloud | None:
    """None on the local provider. Raises UsageError: `not_provisioned` (unless `provisioned` is False),
    `deployment_unreadable`, `region_not_provisioned`."""
    if provider == "local":
        return None
    try:
        deployment = read_deployment(provider, state)
    except UsageError as error:
        if error.code == "not_provisioned" and not provisioned:
            return None
        raise
    return cloud_of(deployment, config.fanout.regions)


def cloud_of(deployment: Deployment, regions: tuple[str, ...]) -> Cloud:
    """No regions asked for: home alone. Raises UsageError `region_not_provisioned`."""
    used = tuple(deployment.region(name) for name in regions) or (deployment.home,)
    return Cloud(deployment, used)


def unused_regions(config: Config, provider: str) -> Iterator[Problem]:
    if provider == "local" and config.fanout.regions:
        message = "has no effect on the local provider: every lane runs on this machine"
        yield Problem("no_effect", message, "fanout.regions", severity="warning")


def origin(url: str) -> str:
    """`scheme://host:port`, the form in which targets are allowed. The port is always there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{authority(url)}"


def authority(url: str) -> str:
    """`host:port`; an IPv6 address in brackets."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or _PORTS.get(parts.scheme, 443)}"
