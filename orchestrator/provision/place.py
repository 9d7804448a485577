"""Where a deployment is kept on this machine: what was asked for, and one folder per region that Terraform works in.

    <state>/<provider>/infra.json             the regions, home first; the variables; the package
    <state>/<provider>/*.tf                   the user's own: a backend, provider settings; laid over the module
    <state>/<provider>/<package>.zip          what is deployed
    <state>/<provider>/<region>/              the module's files, its variables, state, lock and providers

Each region's folder is a complete Terraform configuration: `terraform plan` works in it without benchctl.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from function.contract.codec import decode, encode
from function.contract.errors import ContractError, UsageError
from orchestrator.provision.module import module_files

VALUES = "benchctl.auto.tfvars.json"
STATE = "terraform.tfstate"
LOCK = ".terraform.lock.hcl"
DATA = ".terraform"
_OURS_BESIDE = (VALUES, LOCK, ".terraform.tfstate.lock.info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The package: its file's name in the provider's folder."""

    file: str
    code_version: str
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `infra up` was last told to make, and in whose account."""

    account: str
    regions: tuple[str, ...]
    package: Deployed
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.variables.get("name", "benchctl"))

    def without(self, regions: frozenset[str]) -> Asked:
        return replace(self, regions=tuple(region for region in self.regions if region not in regions))


class Place:
    """`<state>/<provider>`. Raises UsageError `state_unusable` where the folder cannot be written or read."""

    def __init__(self, provider: str, state_dir: Path) -> None:
        self.provider = provider
        self.state_dir = state_dir
        self.path = state_dir / provider

    def region(self, name: str) -> Path:
        return self.path / name

    def asked(self) -> Asked | None:
        path = self.path / "infra.json"
        try:
            return decode(Asked, path.read_bytes(), str(path))
        except FileNotFoundError:
            return None
        except ContractError as error:
            hint = "take it from a copy, or run benchctl infra up with the same regions and variables again"
            raise UsageError(error.message, path="--state", hint=hint, code="state_unusable") from error
        except OSError as error:
            raise _unusable(path, error) from error

    def remember(self, asked: Asked) -> None:
        path = self.path / "infra.json"
        partial = path.with_name(f"{path.name}.partial")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(encode(asked) + b"\n")
            os.replace(partial, path)
        except OSError as error:
            raise _unusable(path, error) from error

    def prepare(self, region: str, values: Mapping[str, Any]) -> Path:
        """The region's folder with the module of this benchctl, the user's files over it, and `values`."""
        folder = self.region(region)
        files = module_files(self.provider) | self.own_files()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stale in folder.glob("*.tf"):
                if stale.name not in files:
                    stale.unlink()
            for name, body in files.items():
                (folder / name).write_bytes(body)
            (folder / VALUES).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise _unusable(folder, error) from error
        return folder

    def values(self, region: str) -> str | None:
        """The region's variables as they were last written; None where it was never prepared."""
        try:
            return (self.region(region) / VALUES).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def put_values(self, region: str, text: str) -> None:
        (self.region(region) / VALUES).write_text(text, encoding="utf-8")

    def own_files(self) -> dict[str, bytes]:
        """The user's *.tf beside the regions."""
        return {path.name: path.read_bytes() for path in sorted(self.path.glob("*.tf"))}

    def keep_package(self, package: Path, name: str) -> None:
        target = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if package.resolve() != target.resolve():
                partial = target.with_name(f"{name}.partial")
                shutil.copyfile(package, partial)
                os.replace(partial, target)
        except OSError as error:
            raise _unusable(target, error) from error

    def drop_packages(self, keep: str = "") -> None:
        for path in self.path.glob("*.zip"):
            if path.name != keep:
                path.unlink()

    def forget_region(self, region: str) -> None:
        """What Terraform and we put there; a file of the user's stays, and the folder with it."""
        folder = self.region(region)
        shutil.rmtree(folder / DATA, ignore_errors=True)
        ours = [*_OURS_BESIDE, *module_files(self.provider), *self.own_files()]
        states = [path.name for path in folder.glob(f"{STATE}*")]
        for name in [*ours, *states]:
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def forget(self) -> None:
        """Nothing is provisioned any more. The folders go too, unless the user has put something there."""
        self.drop_packages()
        (self.path / "infra.json").unlink(missing_ok=True)
        for folder in (self.path, self.state_dir):
            with suppress(OSError):
                folder.rmdir()


def _unusable(path: Path, error: OSError) -> UsageError:
    message = f"{path} cannot be used: {error.strerror or error}"
    return UsageError(message, path="--state", hint="name a folder you may write to", code="state_unusable")
