"""Numbers as pieces: every number is written with texts of four-digit groups, so that none of them has to be uploaded.

The mock prompts count with them, and a row that is used again gets a number put before it.
"""

from __future__ import annotations

import numpy as np

from function.contract.workload import CONTINUE
from orchestrator.datasets.pieces import Layer, Mask, layer
from orchestrator.datasets.port import Int64, UInt8

GROUP = 10_000
_WIDTH = 4
LEAD_BYTES = _WIDTH + 1


def padded() -> bytes:
    """0000 0001 ... 9999 without a separator; group g is the four bytes from 4 g."""
    return b"".join(b"%04d" % group for group in range(GROUP))


def lead_text() -> bytes:
    """`0000 ` to `9999 `, each followed by its space; group g is the five bytes from 5 g."""
    return b"".join(b"%04d " % group for group in range(GROUP))


def lead(k: Int64, present: Mask, role: UInt8, text: int) -> list[Layer]:
    """`3456 0012 ` for 123456: two groups, the low one first, so that a token cache finds a difference at once.

    A third group follows from 10**8 on. The first piece has `role`, which opens the message.
    """
    groups = [k % GROUP, k // GROUP % GROUP, k // GROUP**2]
    roles = [role, np.full_like(role, CONTINUE), np.full_like(role, CONTINUE)]
    shown = [present, present, present & (groups[2] > 0)]
    return [
        layer(here, first, text, LEAD_BYTES * (group % GROUP), LEAD_BYTES)
        for group, here, first in zip(groups, shown, roles)
    ]
