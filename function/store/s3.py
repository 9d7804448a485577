"""The object store in an S3 bucket. The version of an object is its ETag; times are S3's, in whole seconds.

Conditional writes are S3's own (If-None-Match, If-Match). Calls that failed for a passing reason are repeated here, and
nowhere else, with growing random pauses; so an earlier try may be what a refused one met, and whoever must know reads
back. A handle with a limit repeats nothing. What is small and read again is asked for by its ETag: an unchanged one
costs no body.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import random
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from function.amazon import NO_ANSWER, NO_CREDENTIALS, Amazon, client_config
from function.contract.errors import NotFound, StoreDenied, StoreError
from function.store import s3_refusals as refusals
from function.store.key import check_key, check_prefix, folder_prefix
from function.store.port import Blob, Entry, Stored

T = TypeVar("T")

CONNECT_S, SILENCE_S = 3.0, 8.0
ATTEMPT_S, LEAST_BYTES_PER_S = 10.0, 250_000  # one try may take that long, and longer for a large body
TRIES, PATIENCE_S = 6, 15.0  # none begins later than that after the first
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 4.0
_LARGEST_BODY_S = 300.0
_SECOND_NS = 1_000_000_000
_KEPT_BYTES, _KEPT = 16_384, 4


class S3Store:
    """The objects of `bucket` whose keys begin with `folder`. Handles made by `at` share the thread of `amazon`, each
    with connections of its own. `limit_s`: the whole of one call; None: patience."""

    def __init__(self, amazon: Amazon, bucket: str, folder: str = "", limit_s: float | None = None) -> None:
        self._amazon = amazon
        self._bucket = bucket
        self._below = folder_prefix(folder)
        self._limit_s = limit_s
        self._client: asyncio.Task[Any] | None = None
        self._closed = False
        self._let_in = False  # it has been of use before: then a 403 speaks of the key, not of us
        self._kept: OrderedDict[str, Blob] = OrderedDict()
        self._keeping = Lock()
        amazon.hold()

    @property
    def uri(self) -> str:
        return f"s3://{self._bucket}/{self._below}".rstrip("/")

    def put(self, key: str, body: bytes) -> Stored:
        return self._write("put", key, body, {})

    def create(self, key: str, body: bytes) -> Stored:
        return self._write("create", key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        return self._write("replace", key, body, {"IfMatch": version})

    def get(self, key: str) -> Blob:
        whole = self._below + check_key(key)
        kept = self._kept.get(whole)
        asked = {} if kept is None else {"IfNoneMatch": kept.stored.version}

        async def read(client: Any) -> Blob:
            try:
                found = await client.get_object(Bucket=self._bucket, Key=whole, **asked)
            except ClientError as error:
                if kept is not None and refusals.is_unchanged(error.response):
                    return Blob(kept.body, Stored(kept.stored.version, _changed_ns(error.response, kept), _SECOND_NS))
                raise
            async with found["Body"] as stream:
                body: bytes = await stream.read()
            if len(body) != found["ContentLength"]:
                raise ConnectionError("the body is not whole")
            return Blob(body, Stored(found["ETag"], _whole_second_ns(found["LastModified"]), _SECOND_NS))

        try:
            blob = self._try("get", whole, read, _LARGEST_BODY_S)
        except StoreDenied as error:
            if self._let_in and isinstance(error.__cause__, ClientError) and refusals.is_shut(error.__cause__.response):
                where = self._where(whole)
                raise NotFound(f"no object {where}, or one that may not be read") from error
            raise
        self._keep(whole, blob)
        return blob

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[Entry]:
        return self._rows(self._below + check_prefix(prefix), {"Delimiter": "/"} if shallow else {})

    def delete(self, key: str) -> None:
        whole = self._below + check_key(key)
        self._try("delete", whole, lambda client: client.delete_object(Bucket=self._bucket, Key=whole), ATTEMPT_S)

    def at(self, folder: str, *, limit_s: float | None = None) -> S3Store:
        return S3Store(self._amazon, self._bucket, self._below + folder_prefix(folder), limit_s or self._limit_s)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._client is not None:
                self._amazon.call(self._disconnect(self._client))
        finally:
            self._amazon.release()

    def _write(self, verb: str, key: str, body: bytes, condition: dict[str, str]) -> Stored:
        whole = self._below + check_key(key)
        checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()

        async def write(client: Any) -> Stored:
            answer = await client.put_object(
                Bucket=self._bucket, Key=whole, Body=body, ChecksumCRC32=checksum, **condition
            )
            return Stored(answer["ETag"], _date_ns(answer), _SECOND_NS)

        return self._try(verb, whole, write, ATTEMPT_S + len(body) / LEAST_BYTES_PER_S)

    def _rows(self, start: str, shallow: dict[str, str]) -> Iterator[Entry]:
        token: dict[str, str] = {}
        while True:
            asked = {"Bucket": self._bucket, "Prefix": start, **shallow, **token}
            page = self._try("list", start, partial(_list, asked), ATTEMPT_S)
            rows = [
                Entry(found["Key"], found["Size"], found["ETag"], _whole_second_ns(found["LastModified"]))
                for found in page.get("Contents", [])
            ]
            rows += [Entry(found["Prefix"], 0, "", 0) for found in page.get("CommonPrefixes", [])]
            for row in sorted(rows, key=lambda row: row.key):
                name = row.key.removeprefix(self._below)
                with suppress(ValueError):  # another program's: a console makes empty objects for folders
                    check_key(name if row.version else name.removesuffix("/"))
                    yield Entry(name, row.size, row.version, row.stamp_ns)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _try(self, verb: str, whole: str, work: Callable[[Any], Awaitable[T]], attempt_s: float) -> T:
        """`work` until it succeeds, is refused for good, or patience ends. Raises StoreError, each kind of it."""
        if self._closed:
            raise StoreError(f"cannot {verb} {self._where(whole)}: the store was closed")
        answer = self._amazon.call(self._repeat(verb, self._where(whole), work, attempt_s))
        self._let_in = True
        return answer

    async def _repeat(self, verb: str, where: str, work: Callable[[Any], Awaitable[T]], attempt_s: float) -> T:
        clock = asyncio.get_running_loop()
        give_up_s = clock.time() + PATIENCE_S
        tries = TRIES if self._limit_s is None else 1
        pause_s = _FIRST_PAUSE_S
        while True:
            tries -= 1
            try:
                async with asyncio.timeout(self._limit_s or attempt_s):
                    return await work(await self._connected())
            except ClientError as error:
                failure, cause = refusals.refusal(error.response, verb, where), error
                again = refusals.is_passing(error.response)
            except NO_CREDENTIALS as error:
                hint = "sign in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                message = f"cannot {verb} {where}: there are no AWS credentials ({error})"
                raise StoreDenied(message, hint=hint, code="store_credentials") from error
            except NO_ANSWER as error:
                failure, cause, again = StoreError(f"cannot {verb} {where}: {_words(error)}"), error, True
            except BotoCoreError as error:  # of the SDK itself: a missing region, a profile that is none
                raise StoreError(f"cannot {verb} {where}: {error}") from error
            wait_s = pause_s * random.uniform(0.5, 1.0)
            if not again or not tries or clock.time() + wait_s > give_up_s:
                raise failure from cause
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _connected(self) -> Any:
        """The client; it is made once, and its making is not cut short by the limit of one call."""
        if self._client is None or (self._client.done() and self._client.exception() is not None):
            config = client_config(
                min(CONNECT_S, self._limit_s or CONNECT_S),
                SILENCE_S,
                request_checksum_calculation="when_required",  # ours is in the call
                response_checksum_validation="when_supported",
            )
            self._client = asyncio.create_task(self._amazon.client("s3", None, config))
        return await asyncio.shield(self._client)

    async def _disconnect(self, client: asyncio.Task[Any]) -> None:
        await asyncio.wait({client})
        if client.exception() is None:
            await client.result().close()

    def _keep(self, whole: str, blob: Blob) -> None:
        with self._keeping:
            self._kept.pop(whole, None)
            if len(blob.body) <= _KEPT_BYTES:
                self._kept[whole] = blob
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)

    def _where(self, whole: str) -> str:
        return f"s3://{self._bucket}/{whole}"


async def _list(asked: dict[str, str], client: Any) -> dict[str, Any]:
    page: dict[str, Any] = await client.list_objects_v2(**asked)
    return page


def _whole_second_ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * _SECOND_NS


def _date_ns(answer: dict[str, Any]) -> int:
    """When S3 answered, by its clock: the write lies before that, and this machine's readings say after what."""
    return _whole_second_ns(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))


def _changed_ns(unchanged: dict[str, Any], kept: Blob) -> int:
    """Of a 304: the same body may have been written again."""
    changed = unchanged["ResponseMetadata"]["HTTPHeaders"].get("last-modified")
    return _whole_second_ns(parsedate_to_datetime(changed)) if changed else kept.stored.stamp_ns


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__
