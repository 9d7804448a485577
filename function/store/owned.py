"""Conditional writes whose answer may be lost: ownership is read back, never taken from a status code.

A client's own retry turns a stored claim into a refusal (seen with botocore), and a timed-out write may have landed.
So whoever needs to know whether *its* write won compares bodies; a body that must be unique carries a nonce or a beat.
"""

from __future__ import annotations

from function.contract.errors import AlreadyExists, NotFound, StoreDenied, StoreError, VersionMismatch
from function.store.port import Blob, ObjectStore, Stored


def create_or_read(store: ObjectStore, key: str, body: bytes) -> Blob:
    """Create `key`, or read what is there. The caller owns it exactly when the returned body is its own.

    Raises StoreError when neither write nor read-back gave an answer: then ownership is unknown.
    """
    try:
        return Blob(body, store.create(key, body))
    except StoreDenied:
        raise
    except AlreadyExists:
        return store.get(key)
    except StoreError as error:
        try:
            return store.get(key)
        except NotFound:
            raise error from None


def replace_owned(store: ObjectStore, key: str, body: bytes, version: str) -> Stored | None:
    """Replace `key`; None when somebody else's object is there afterwards, or none. Raises StoreError when unknown.

    Unknown also means: the old object is still there, and a write that timed out may land yet.
    """
    try:
        return store.replace(key, body, version)
    except StoreDenied:
        raise
    except StoreError as error:
        try:
            found = store.get(key)
        except NotFound:
            return None
        if found.body == body:
            return found.stored
        if found.stored.version == version and not isinstance(error, VersionMismatch):
            raise
        return None
