"""The error tree: every foreseeable failure of the tool, with a stable code.

A failed *request* is a row and never one of these; these are failures of the tool or of what it was asked to do.
Adapters map their library's exceptions to these at the seam, with `from`.
"""

from __future__ import annotations


class BenchctlError(Exception):
    """Root. `code` is stable and scripted against; `path` names the config key or flag to change."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, path: str = "", hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(BenchctlError):
    """Found before go: a wrong flag, config or precondition. Nothing was sent. Exit code 2."""

    code = "usage"
    exit_code = 2


class ContractError(BenchctlError):
    """A stored object does not have the form this version reads."""

    code = "contract"


class ProviderError(BenchctlError):
    """The platform that runs the function failed or refused."""

    code = "provider"


class StoreError(BenchctlError):
    """The object store failed. Whether a write took effect is unknown unless a subclass says so."""

    code = "store"


class NotFound(StoreError):
    """No object under that key."""

    code = "store_not_found"


class AlreadyExists(StoreError):
    """`create` found the key taken. Read back before believing that somebody else took it."""

    code = "store_exists"


class VersionMismatch(StoreError):
    """`replace` named a version that is not the current one (or the object is gone)."""

    code = "store_version"


class StoreDenied(StoreError):
    """The store refused access: credentials or permissions."""

    code = "store_denied"
