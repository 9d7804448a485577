"""May this address be connected to? Asked of each connection, with the address the kernel is about to be given."""

from __future__ import annotations

import errno
from collections.abc import Callable

AddressRule = Callable[[str], str | None]  # an address -> why it is refused, or None


class AddressRefused(OSError):
    """A rule refused it, and nothing was sent there."""


def check_address(rule: AddressRule | None, address: str) -> None:
    """Raises AddressRefused."""
    why = rule(address) if rule is not None else None
    if why is not None:
        raise AddressRefused(errno.EACCES, why)
