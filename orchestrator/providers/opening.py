"""From a provider's name to its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from function.contract.errors import UsageError
from orchestrator.providers.local import LocalProvider
from orchestrator.providers.port import Provider

Opener = Callable[[str, Path, Mapping[str, str]], Provider]

PROVIDERS: dict[str, Opener | None] = {"local": LocalProvider, "aws": None, "gcp": None}


def check_provider_built(name: str) -> None:
    """Raises UsageError (`not_built`) for a provider that cannot run anything yet."""
    if PROVIDERS.get(name) is None:
        raise UsageError(f"provider {name} is not built yet", path="--provider", hint="local", code="not_built")


def open_provider(name: str, run: str, logs: Path, secrets: Mapping[str, str]) -> Provider:
    """`run`: URI of the run's folder. `logs`: a folder for what workers say; `secrets`: variables for them (local)."""
    check_provider_built(name)
    opener = PROVIDERS[name]
    assert opener is not None
    return opener(run, logs, secrets)
