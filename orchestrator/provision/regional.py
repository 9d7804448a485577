"""One region's Terraform: what it is given, how it is prepared, and what it gives back.

The first region is home. The others use its bucket, its secrets and its orchestrator role, and have no budget of their
own: one account has one bill.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from function.contract.codec import decode, encode
from function.contract.errors import ContractError, ProviderError, UsageError
from orchestrator.providers.deployment import RegionDeployment
from orchestrator.provision.place import Asked, Place
from orchestrator.provision.speech import Speech
from orchestrator.provision.terraform import Terraform

_BACKEND = re.compile(r'^\s*backend\s+"(\w+)"', re.MULTILINE)


def region_values(asked: Asked, region: str, home: Mapping[str, Any] | None) -> dict[str, Any]:
    """The module's variables. `home`: the home region's outputs, None for home itself."""
    package = {
        "path": f"../{asked.package.file}",
        "code_version": asked.package.code_version,
        "architecture": asked.package.architecture,
    }
    values = {**asked.variables, "package": package}
    if home is None:
        return values
    return values | {
        "existing_bucket": bucket_of(home),
        "secret_arns": home["secrets"],
        "budget": None,
        "orchestrator": {"principals": [], "role": home.get("orchestrator_role")},
    }


def bucket_of(outputs: Mapping[str, Any]) -> str:
    return str(outputs["root_uri"]).removeprefix("s3://")


def opened(program: str, place: Place, asked: Asked, region: str, speech: Speech) -> Terraform:
    """Ready to plan. UsageError `backend` for a backend whose states of several regions cannot be told apart."""
    found = Terraform(program, place.region(region), region, speech.tell)
    speech.tell(f"{region}: terraform init (the first one downloads the provider)")
    found.init(_backend(place, asked, region))
    return found


def as_deployment(outputs: Mapping[str, Any]) -> RegionDeployment:
    try:
        return decode(RegionDeployment, encode(dict(outputs)))
    except ContractError as error:
        message = f"the module's outputs are not understood: {error.message}"
        raise ProviderError(message, hint="is a *.tf of yours in the way?", code="outputs") from error


def _backend(place: Place, asked: Asked, region: str) -> tuple[str, ...]:
    """One state per region: in the folder, or under a key of its own."""
    kinds = {kind for body in place.own_files().values() for kind in _BACKEND.findall(body.decode(errors="replace"))}
    if kinds <= {"local"}:
        return ()
    if kinds == {"s3"}:
        return (f"key=benchctl/{asked.name}/{region}.tfstate",)
    message = f"backend {', '.join(sorted(kinds))} is not supported"
    raise UsageError(message, path=str(place.path), hint='backend "s3", or none', code="backend")
