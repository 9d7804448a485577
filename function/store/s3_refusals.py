"""What S3 says when it does not do what it was asked, in the store's words, and whether asking again can help.

A 412 is no proof that somebody else's object is there: an earlier try of ours may be. Who needs to know reads back
(function/store/owned.py). Pure.
"""

from __future__ import annotations

from typing import Any

from function.contract.errors import AlreadyExists, NotFound, StoreDenied, StoreError, VersionMismatch

_AGAIN_STATUS = (409, 429, 500, 502, 503, 504)  # 409: another conditional write of this key is under way
_AGAIN = frozenset({"RequestTimeout", "SlowDown", "Throttling", "BadDigest", "InternalError", "ServiceUnavailable"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_UNKNOWN = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed"})
_MISSING = frozenset({"NoSuchKey", "404"})


def is_passing(answer: dict[str, Any]) -> bool:
    """Whether the same call may well succeed in a moment."""
    code, status = _code(answer)
    return code in _AGAIN or (status in _AGAIN_STATUS and code != "BucketAlreadyExists")


def is_unchanged(answer: dict[str, Any]) -> bool:
    return _code(answer)[1] == 304


def is_shut(answer: dict[str, Any]) -> bool:
    """403 for want of a permission: what S3 also says of a missing key to whoever may not list."""
    code, status = _code(answer)
    return status == 403 and code not in _EXPIRED | _UNKNOWN | {"RequestTimeTooSkewed"}


def refusal(answer: dict[str, Any], verb: str, where: str) -> StoreError:
    """The error for a botocore ClientError's `response`. `verb`: get, put, create, replace, list or delete."""
    code, status = _code(answer)
    if status == 412:
        if verb == "create":
            return AlreadyExists(f"{where} exists already")
        return VersionMismatch(f"{where} has changed since it was read, or is gone")
    if code in _MISSING:
        if verb == "replace":
            return VersionMismatch(f"{where} has changed since it was read, or is gone")
        return NotFound(f"no object {where}")
    if code == "NoSuchBucket":
        return StoreError(f"cannot {verb} {where}: there is no such bucket", code="store_missing", path="--root")
    return _denied(code, status, f"cannot {verb} {where}") or StoreError(
        f"cannot {verb} {where}: S3 answered {status} {code}"
    )


def _denied(code: str, status: int, cannot: str) -> StoreDenied | None:
    if code in _EXPIRED:
        hint = "sign in again, or give fresh ones in the environment"
        return StoreDenied(f"{cannot}: the AWS credentials have expired", hint=hint, code="store_credentials_expired")
    if code in _UNKNOWN:
        hint = "check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return StoreDenied(
            f"{cannot}: AWS does not accept the credentials ({code})", hint=hint, code="store_credentials"
        )
    if code == "RequestTimeTooSkewed":
        return StoreDenied(
            f"{cannot}: this machine's clock is too wrong for AWS", hint="set the clock", code="store_clock"
        )
    if status in (401, 403):
        return StoreDenied(f"{cannot}: access denied", hint="the identity in use lacks a permission on the bucket")
    return None


def _code(answer: dict[str, Any]) -> tuple[str, int]:
    error = answer.get("Error", {})
    code = str(error.get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or (int(code) if code.isdigit() else 0)
    return code, int(status)
