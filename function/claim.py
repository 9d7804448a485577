"""Whose attempt is it? The nonce decides, never a status code.

The nonce is drawn here, in the invocation: duplicates of one event share every other name they have, and what is drawn
at import is repeated by a warm sandbox.
"""

from __future__ import annotations

import secrets

from function.commit import Commits
from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Claim

PATIENCE_S = 5.0


async def claim_attempt(commits: Commits, shard: str, attempt: int) -> Claim | None:
    """This invocation's claim, or None when another invocation holds the attempt. Raises StoreError when unknown."""
    claim = Claim(shard, attempt, secrets.token_hex(16))
    key = keys.claim(keys.attempt_id(shard, attempt))
    return claim if await commits.create(key, encode(claim), PATIENCE_S) else None
