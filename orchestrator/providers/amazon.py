"""The one door to AWS for the orchestrator: calls of its services by name, their failures as errors of ours.

A thread of its own runs aiobotocore's event loop, so callers may be synchronous. How often the SDK repeats a call is
said here and left to no default: reads are repeated, an invocation never (whoever invokes must know what became of
each try). It translates and decides nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from function.contract.errors import ProviderError

CONNECT_S, READ_S = 5.0, 30.0
CONNECTIONS = 64
_READ_TRIES = 5
_THROTTLES: Final = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "ThrottledException", "RequestLimitExceeded"}
    | {"RequestThrottled", "RequestThrottledException", "SlowDown", "PriorRequestNotComplete"}
)
_DENIED: Final = ("AccessDenied", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized")
_CREDENTIALS: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
    | {
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "InvalidAccessKeyId",
        "RequestExpired",
        "TokenRefreshRequired",
    }
    | {"IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}
)

T = TypeVar("T")


class CallFailed(ProviderError):
    """A call that AWS refused, or whose answer never came.

    `reason`: AWS's own word (`ResourceNotFoundException`), or the SDK's. `code`: aws_throttled, aws_credentials,
    aws_denied, aws_missing, aws_unreachable, aws_failed or aws. `lost`: it may have been carried out all the same.
    """

    code = "aws"

    def __init__(self, message: str, reason: str, code: str, *, lost: bool, hint: str = "") -> None:
        super().__init__(message, path="--provider", hint=hint, code=code)
        self.reason = reason
        self.lost = lost

    @property
    def throttled(self) -> bool:
        return self.code == "aws_throttled"


class Amazon:
    """Clients are made when first asked for, one per region and service. Safe to call from several threads."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._held: AsyncExitStack | None = None
        self._clients: dict[tuple[str, str], asyncio.Task[Any]] = {}

    def call(self, region: str, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer of one call; `operation` as in `get_function`. Raises CallFailed."""
        return self.spawn(self.ask(region, service, operation, **arguments)).result()

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Let it run on the door's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    async def ask(self, region: str, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """`call`, on the door's loop. A streamed payload is read to its end: `Payload` is bytes."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = await self._client(region, service)
            answer: dict[str, Any] = await getattr(client, operation)(**arguments)
            if hasattr(answer.get("Payload"), "read"):
                answer["Payload"] = await answer["Payload"].read()
        except ClientError as error:
            raise _refused(error, service, region) from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise _unanswered(error, service, region) from error
        return answer

    def close(self) -> None:
        """Ends every connection; what still runs on the loop is cancelled. A later call opens the door again."""
        with self._starting:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._shut(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="aws", daemon=True)
                self._thread.start()
            return self._loop

    async def _client(self, region: str, service: str) -> Any:
        """Asked for several times at once, it is made once."""
        task = self._clients.get((region, service))
        if task is None:
            task = self._clients[region, service] = asyncio.ensure_future(self._made(region, service))
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._clients.get((region, service)) is task:
                del self._clients[region, service]  # credentials may be there next time
            raise

    async def _made(self, region: str, service: str) -> Any:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        tries = 1 if service == "lambda" else _READ_TRIES
        config = AioConfig(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": tries, "mode": "standard"},
        )
        if self._held is None:
            self._held = AsyncExitStack()
        return await self._held.enter_async_context(get_session().create_client(service, region, config=config))

    async def _shut(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._clients = {}
        held, self._held = self._held, None
        if held is not None:
            await held.aclose()
        await asyncio.get_running_loop().shutdown_asyncgens()


def _refused(error: Any, service: str, region: str) -> CallFailed:
    """AWS answered. Only of a fault on its side is it unknown what it did."""
    detail = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reason = str(detail.get("Code", ""))
    said = str(detail.get("Message") or reason or error)
    code, hint = _kind(reason, status)
    message = f"{service} in {region} refused {error.operation_name}: {said}"
    return CallFailed(message, reason, code, lost=code == "aws_failed", hint=hint)


def _kind(reason: str, status: int) -> tuple[str, str]:
    if reason in _THROTTLES or status == 429:
        return "aws_throttled", "fewer lanes at once, or a higher quota"
    if reason in _CREDENTIALS:
        return "aws_credentials", "aws sso login, or AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if reason.startswith(_DENIED) or status == 403:
        return "aws_denied", "let this identity take the orchestrator's role of benchctl infra up"
    if status == 404 or reason.endswith(("NotFoundException", "NonExistentQueue")) or reason.startswith("NoSuch"):
        return "aws_missing", "benchctl infra up --provider aws"
    return ("aws_failed", "") if status >= 500 else ("aws", "")


def _unanswered(error: Exception, service: str, region: str) -> CallFailed:
    from botocore import exceptions

    reason = type(error).__name__
    absent = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
    )
    if isinstance(error, absent):
        hint = "aws sso login, or AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return CallFailed(f"no AWS credentials: {error}", reason, "aws_credentials", lost=False, hint=hint)
    unsent = (
        exceptions.ParamValidationError,
        exceptions.NoRegionError,
        exceptions.InvalidRegionError,
        exceptions.UnknownServiceError,
        exceptions.ConnectTimeoutError,
        exceptions.EndpointConnectionError,
    )
    message = f"{service} in {region} cannot be reached: {error or reason}"
    hint = "check the network, AWS_ENDPOINT_URL and the region"
    return CallFailed(message, reason, "aws_unreachable", lost=not isinstance(error, unsent), hint=hint)
