"""Secrets that lie in AWS: Secrets Manager's and SSM's parameters, by ARN. A Resolver for function.secret.

A warm sandbox keeps a value for a while, so that the slices of a run do not ask one after the other; what was rotated
is asked for anew after that. Values go to whoever asked and nowhere else: no error here holds one.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from function.amazon import NO_ANSWER, Amazon, client_config
from function.contract.errors import UsageError

KEPT_S = 300.0
TRIES, PAUSE_S, LIMIT_S = 4, 0.3, 5.0
_ARN = re.compile(r"arn:aws[a-z-]*:(secretsmanager|ssm):([a-z0-9-]+):\d{12}:(secret:|parameter)(.+)")
_PASSING = ("Throttling", "TooManyRequests", "InternalServ", "InternalFailure", "ServiceUnavailable", "RequestTimeout")


class AmazonSecrets:
    """Call it off the loop that times requests: it blocks. `now_s` counts with the sandbox's life."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._kept: dict[str, tuple[float, str]] = {}

    def __repr__(self) -> str:
        return f"AmazonSecrets({sorted(self._kept)})"

    def __call__(self, arn: str) -> str:
        """Raises UsageError: `secret_form` for what is no such ARN, `secret_missing` for one that cannot be read."""
        kept = self._kept.get(arn)
        if kept is not None and self._now_s() - kept[0] < KEPT_S:
            return kept[1]
        match = _ARN.fullmatch(arn)
        if match is None:
            raise UsageError(
                f"{arn!r} is not the ARN of a secret",
                code="secret_form",
                path="server.api_key",
                hint="arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME or arn:aws:ssm:REGION:ACCOUNT:parameter/NAME",
            )
        amazon = Amazon()
        amazon.hold()
        try:
            value = amazon.call(_ask(amazon, match[1], match[2], arn))
        finally:
            amazon.release()
        self._kept[arn] = self._now_s(), value
        return value


async def _ask(amazon: Amazon, service: str, region: str, arn: str) -> str:
    client = await amazon.client(service, region, client_config(LIMIT_S, LIMIT_S))
    for left in reversed(range(TRIES)):
        try:
            async with asyncio.timeout(LIMIT_S):
                return await (_secret if service == "secretsmanager" else _parameter)(client, arn)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if not left or not code.startswith(_PASSING):
                raise _unreadable(arn, f"AWS answered {code}") from error
        except NO_ANSWER as error:
            if not left:
                raise _unreadable(arn, str(error) or "no answer in time") from error
        except BotoCoreError as error:
            raise _unreadable(arn, str(error)) from error
        await asyncio.sleep(PAUSE_S * 2 ** (TRIES - left))
    raise AssertionError("the last try returns or raises")


async def _secret(client: Any, arn: str) -> str:
    found = await client.get_secret_value(SecretId=arn)
    value = found.get("SecretString")
    if not value:
        raise _unreadable(arn, "it holds no text")
    return str(value)


async def _parameter(client: Any, arn: str) -> str:
    found = await client.get_parameter(Name=arn, WithDecryption=True)
    return str(found["Parameter"]["Value"])


def _unreadable(arn: str, why: str) -> UsageError:
    return UsageError(
        f"the worker cannot read the secret {arn}: {why}",
        code="secret_missing",
        path="server.api_key",
        hint="put a value into it, and its ARN among the deployment's secret_arns",
    )
