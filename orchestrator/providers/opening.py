"""From a provider's name to its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from function.contract.errors import UsageError
from function.contract.plan import RegionPlan
from orchestrator.providers.local import LocalProvider
from orchestrator.providers.port import Provider


@dataclass(frozen=True, slots=True)
class Station:
    """What a provider is opened with. `run`: URI of the run's folder. `logs`: a folder for what workers say, `secrets`:
    variables for them (local). `regions`: where lanes are invoked, in the order in which they take them (clouds)."""

    run: str
    logs: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    regions: Sequence[RegionPlan] = ()


def _local(station: Station) -> Provider:
    return LocalProvider(station.run, station.logs, station.secrets)


def _aws(station: Station) -> Provider:
    from orchestrator.providers.aws import AwsProvider

    return AwsProvider(station.run, station.regions)


PROVIDERS: dict[str, Callable[[Station], Provider] | None] = {"local": _local, "aws": _aws, "gcp": None}


def check_provider_built(name: str) -> None:
    """Raises UsageError (`not_built`) for a provider that cannot run anything yet."""
    if PROVIDERS.get(name) is None:
        raise UsageError(f"provider {name} is not built yet", path="--provider", hint="local, aws", code="not_built")


def open_provider(name: str, station: Station) -> Provider:
    """Raises UsageError (`not_built`), ProviderError (`no_function`) where a cloud's run names none."""
    check_provider_built(name)
    opener = PROVIDERS[name]
    assert opener is not None
    return opener(station)
