"""What `benchctl infra up` left on a cloud, as the commands read it that launch, check and look for logs there.

One small JSON file per provider below the state folder, written whole or not at all; its names are the Terraform
module's outputs. It holds addresses and limits, never a secret. How it came to be is known to `provision` alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from function.contract.codec import decode, encode
from function.contract.errors import ContractError, UsageError

SCHEMA_VERSION = 1
STATE_VARIABLE = "BENCHCTL_STATE"
DEFAULT_STATE = ".benchctl"
FILE_NAME = "deployment.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionDeployment:
    """One region's function. Field by field the outputs of `infra/terraform/<provider>`."""

    region: str
    function: str  # what is invoked: the alias' ARN
    function_name: str
    alias: str
    code_version: str  # of the package that was deployed; the worker checks it against the plan's
    failure_queue: str  # URL of the queue that gets the events of failed invocations
    log_group: str
    max_lanes: int
    timeout_s: int
    memory_mb: int
    architecture: str  # arm64 or x86_64
    allowed_targets: tuple[str, ...] = ()  # scheme://host:port
    secrets: tuple[str, ...] = ()  # ARNs that the worker's role may read
    worker_role: str  # ARN
    reserved_concurrency: int | None = None  # None: the function shares the account's


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`regions` are in the order asked for; the first is home and holds the bucket of `root_uri`."""

    provider: str
    root_uri: str
    regions: tuple[RegionDeployment, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def home(self) -> RegionDeployment:
        return self.regions[0]

    @property
    def region_names(self) -> tuple[str, ...]:
        return tuple(found.region for found in self.regions)

    def region(self, name: str) -> RegionDeployment:
        """UsageError `region_not_provisioned` where no function is in that region."""
        for found in self.regions:
            if found.region == name:
                return found
        hint = f"one of {', '.join(self.region_names)}, or benchctl infra up with --region {name} as well"
        message = f"no function was provisioned in {name}"
        raise UsageError(message, path="fanout.regions", hint=hint, code="region_not_provisioned")


def state_folder(given: str | Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """`--state`, else BENCHCTL_STATE, else `.benchctl` in the working folder."""
    return Path(given or environ.get(STATE_VARIABLE) or DEFAULT_STATE)


def deployment_path(provider: str, state_dir: Path) -> Path:
    return state_dir / provider / FILE_NAME


def read_deployment(provider: str, state_dir: Path) -> Deployment:
    """UsageError: `not_provisioned` where there is none, `deployment_unreadable` where it cannot be used."""
    path = deployment_path(provider, state_dir)
    provision = f"benchctl infra up --provider {provider}"
    try:
        body = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        hint = f"{provision}, or name the folder of an earlier one with --state or {STATE_VARIABLE}"
        message = f"nothing is provisioned on {provider}: {path} is not there"
        raise UsageError(message, path="--state", hint=hint, code="not_provisioned") from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise UsageError(message, path="--state", code="deployment_unreadable") from error
    try:
        found = decode(Deployment, body, str(path))
    except ContractError as error:
        hint = f"{provision} writes it again"
        raise UsageError(error.message, path="--state", hint=hint, code="deployment_unreadable") from error
    problem = _problem(found, provider)
    if problem:
        hint = f"{provision} writes it again"
        raise UsageError(f"{path} {problem}", path="--state", hint=hint, code="deployment_unreadable")
    return found


def _problem(found: Deployment, provider: str) -> str:
    if found.schema_version != SCHEMA_VERSION:
        return f"has schema version {found.schema_version}; this benchctl reads {SCHEMA_VERSION}"
    if found.provider != provider:
        return f"is of provider {found.provider}, not {provider}"
    if not found.regions:
        return "names no region"
    return ""


def write_deployment(deployment: Deployment, state_dir: Path) -> Path:
    """Whole or not at all, in place of an earlier one. Raises OSError."""
    path = deployment_path(deployment.provider, state_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{FILE_NAME}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode(deployment) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return path


def remove_deployment(provider: str, state_dir: Path) -> None:
    """Nothing is provisioned any more; no error where nothing was."""
    deployment_path(provider, state_dir).unlink(missing_ok=True)
