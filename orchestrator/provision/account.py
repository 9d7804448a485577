"""Whose AWS account this is, and how much concurrency it has left: two reads before anything is made.

The only file of `provision` that speaks to AWS itself; everything else is Terraform's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from function.contract.errors import ProviderError, UsageError

KEPT_UNRESERVED = 100  # Lambda refuses a reservation that leaves the account less
QUOTA = "Concurrent executions (L-B99A9384)"
_LOGIN = "aws configure, aws sso login, AWS_PROFILE, or the AWS_ACCESS_KEY_ID variables"


@dataclass(frozen=True, slots=True)
class Account:
    """Account number, and the ARN of whoever is asking."""

    id: str
    caller: str


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Of one account in one region. `unreserved` is what reservations have left of `limit`."""

    limit: int
    unreserved: int

    def holds(self, wanted: int, already: int = 0) -> bool:
        """Whether `wanted` may be reserved by a function that has reserved `already`."""
        return self.unreserved + already - wanted >= KEPT_UNRESERVED


def default_region() -> str | None:
    """Of the environment or the profile."""
    import boto3

    found: str | None = boto3.session.Session().region_name
    return found


def whose_account(region: str) -> Account:
    """UsageError `credentials` where there are none, or none that AWS takes."""
    found = _ask("sts", region, "get_caller_identity")
    return Account(str(found["Account"]), str(found["Arn"]))


def check_same(before: str | None, account: Account) -> None:
    """UsageError `other_account`: Terraform would find nothing there, and make everything a second time."""
    if before is not None and before != account.id:
        message = f"this state is of account {before}, and these credentials are of {account.id}"
        hint = f"the credentials of {before}, or another --state for {account.id}"
        raise UsageError(message, path="AWS_PROFILE", hint=hint, code="other_account")


def concurrency(region: str) -> Concurrency:
    limits = _ask("lambda", region, "get_account_settings")["AccountLimit"]
    return Concurrency(int(limits["ConcurrentExecutions"]), int(limits["UnreservedConcurrentExecutions"]))


def _ask(service: str, region: str, operation: str) -> dict[str, Any]:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    settings = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
    try:
        client = boto3.session.Session().client(service, region_name=region, config=settings)
        answer: dict[str, Any] = getattr(client, operation)()
    except NoCredentialsError as error:
        message = "no AWS credentials were found"
        raise UsageError(message, path="AWS_PROFILE", hint=_LOGIN, code="credentials") from error
    except ClientError as error:
        raise _refused(service, operation, error) from error
    except BotoCoreError as error:
        message = f"{service} in {region} cannot be asked: {error}"
        hint = f"check the region's name and the credentials: {_LOGIN}"
        raise UsageError(message, path="--region", hint=hint, code="aws_unreachable") from error
    return answer


def _refused(service: str, operation: str, error: Any) -> ProviderError | UsageError:
    answer = error.response.get("Error", {})
    code, words = str(answer.get("Code", "")), str(answer.get("Message", error))
    if service == "sts" or code in ("ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"):
        message = f"AWS does not take these credentials: {words}"
        return UsageError(message, path="AWS_PROFILE", hint=_LOGIN, code="credentials")
    return ProviderError(
        f"{service} {operation}: {code}: {words}", hint="docs/how-to/aws.md has the permissions needed"
    )
