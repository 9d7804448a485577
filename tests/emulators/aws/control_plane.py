"""What the emulated Lambda knows of its functions: read from the upstream AWS, where Terraform made them.

Kept until somebody changes anything there. The code is unzipped once for each digest and shared by its sandboxes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiobotocore.session import get_session
from botocore.exceptions import ClientError


class NoSuchFunction(Exception):
    """There is no function, version or alias of that name."""


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function as an invocation meets it. `arn` carries the qualifier it was called by."""

    key: tuple[str, str, str]  # region, name, version
    arn: str
    root: Path
    configuration: dict[str, Any]
    reserved: int | None
    retries: int
    most_age_s: float
    on_failure: str | None

    @property
    def timeout_s(self) -> float:
        return float(self.configuration.get("Timeout", 3))

    @property
    def variables(self) -> dict[str, str]:
        found: dict[str, str] = self.configuration.get("Environment", {}).get("Variables", {})
        return found

    @property
    def log_group(self) -> str:
        default = f"/aws/lambda/{self.key[1]}"
        return str(self.configuration.get("LoggingConfig", {}).get("LogGroup") or default)


class ControlPlane:
    """Reads as root. `scratch` gets the unzipped packages."""

    def __init__(self, upstream: str, account: str, scratch: Path) -> None:
        self._upstream = upstream
        self._account = account
        self._scratch = scratch
        self._stack = AsyncExitStack()
        self._clients: dict[tuple[str, str], Any] = {}
        self._known: dict[tuple[str, str, str], FunctionVersion] = {}
        self._unzipping = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        await self._stack.aclose()

    async def client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            made = get_session().create_client(
                service,
                region_name=region,
                endpoint_url=self._upstream,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            self._clients[key] = await self._stack.enter_async_context(made)
        return self._clients[key]

    def forget(self) -> None:
        self._known.clear()

    async def find(self, region: str, name: str, qualifier: str) -> FunctionVersion:
        """Raises NoSuchFunction."""
        key = (region, name, qualifier)
        if key not in self._known:
            self._known[key] = await self._read(region, name, qualifier)
        return self._known[key]

    def reserved_in(self, region: str) -> int:
        """The sum over the functions that were ever invoked here."""
        reserved = {(found.key[0], found.key[1]): found.reserved or 0 for found in self._known.values()}
        return sum(count for key, count in reserved.items() if key[0] == region)

    async def credentials(self, role: str, session: str) -> dict[str, str]:
        """Of the function's own role, as variables."""
        sts = await self.client("sts", "us-east-1")
        given = (await sts.assume_role(RoleArn=role, RoleSessionName=session))["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    async def _read(self, region: str, name: str, qualifier: str) -> FunctionVersion:
        client = await self.client("lambda", region)
        try:
            found = await client.get_function(FunctionName=name, Qualifier=qualifier)
            base = await client.get_function(FunctionName=name)
        except ClientError as error:
            raise NoSuchFunction(f"{name}:{qualifier}") from error
        configuration = found["Configuration"]
        settings = await self._event_settings(client, name, qualifier)
        version = configuration.get("Version", "$LATEST")
        root = await self._unzipped(region, name, configuration["CodeSha256"])
        suffix = "" if qualifier == "$LATEST" else f":{qualifier}"
        return FunctionVersion(
            key=(region, name, version),
            arn=f"arn:aws:lambda:{region}:{self._account}:function:{name}{suffix}",
            root=root,
            configuration=configuration,
            reserved=base.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            retries=settings.get("MaximumRetryAttempts", 2),
            most_age_s=settings.get("MaximumEventAgeInSeconds", 21600),
            on_failure=settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        )

    async def _event_settings(self, client: Any, name: str, qualifier: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await client.get_function_event_invoke_config(
                FunctionName=name, Qualifier=qualifier
            )
        except ClientError:
            return {}
        return found

    async def _unzipped(self, region: str, name: str, digest: str) -> Path:
        root = self._scratch / ("code-" + base64.b64decode(digest).hex()[:16])
        async with self._unzipping:
            if not root.exists():
                await asyncio.to_thread(_unzip, await self._code(region, name, digest), root)
        return root

    async def _code(self, region: str, name: str, digest: str) -> bytes:
        if self._http is None:
            self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        url = f"{self._upstream}/_ministack/lambda-code/{self._account}/{region}/{name}"
        async with self._http.get(url) as answer:
            body = await answer.read()
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != digest:
            raise NoSuchFunction(f"{name}: the code of that version is no longer there")
        return body


def _unzip(body: bytes, root: Path) -> None:
    partial = root.with_name(root.name + ".partial")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for member in archive.infolist():
            place = Path(archive.extract(member, partial))
            if not member.is_dir():
                place.chmod((member.external_attr >> 16) & 0o777 or 0o644)
    partial.rename(root)


def event_of(body: bytes) -> dict[str, Any]:
    """The event as an object, for faults to look at; empty where it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
