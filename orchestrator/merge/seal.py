"""The receipt that a shard could not write itself, made from the parts it left behind.

Whoever merges creates it, once, so that every later merge sees the same: parts that turn up afterwards do not count.
An unreadable part is listed as it was found, so that it is found damaged by every merge and not forgotten. Where a
receipt or a go cannot be read, one is made anew by every merge and nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from function.contract import keys
from function.contract.codec import digest, encode
from function.contract.control import Claim, Ready
from function.contract.receipt import Part, Receipt, StopReason
from function.store.owned import create_or_read
from function.store.port import ObjectStore
from orchestrator.merge.parts import Damaged, PartTable, counts_of, open_part
from orchestrator.merge.stop import kind_of_reason
from orchestrator.merge.stored import AT_ONCE, Standing, StoredRun, maybe, readable


def seal(store: ObjectStore, run: StoredRun, ended: Collection[str] = ()) -> StoredRun:
    """Create the receipt of every granted shard that has none. Only call it when none can come any more, or need not.

    `ended`: attempts whose invocations are known to have ended; it only words the receipts.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(lambda standing: _seal_one(store, run, standing, ended), run.pending))
    return run.with_receipts({receipt.shard: receipt for receipt in made})


def _seal_one(store: ObjectStore, run: StoredRun, standing: Standing, ended: Collection[str]) -> Receipt:
    assert standing.attempt is not None
    attempt = keys.attempt_id(standing.shard, standing.attempt)
    mine = _salvage(store, run, standing, attempt in ended)
    if not standing.sealable:
        return mine
    key = keys.receipt(standing.shard)
    found = readable(Receipt, create_or_read(store, key, encode(mine)), key)
    # A receipt of an attempt that was never granted cannot be replaced; it commits nothing.
    return found if found is not None and found.attempt == standing.attempt else mine


def _salvage(store: ObjectStore, run: StoredRun, standing: Standing, ended: bool) -> Receipt:
    assert standing.attempt is not None
    attempt = keys.attempt_id(standing.shard, standing.attempt)
    parts, tables = _parts(store, attempt)
    claim = readable(Claim, maybe(store, keys.claim(attempt)), keys.claim(attempt))
    warm = readable(Ready, maybe(store, keys.ready(attempt)), keys.ready(attempt))
    reason, stopped_ns, detail = _why(run, attempt, parts, ended)
    return Receipt(
        shard=standing.shard,
        attempt=standing.attempt,
        nonce="" if claim is None else claim.nonce,
        reason=reason,
        parts=parts,
        rows=sum(part.rows for part in parts),
        counts=counts_of(tables),
        stopped_ns=stopped_ns,
        stop_detail=detail,
        clock_offset_ns=0 if warm is None else warm.clock_offset_ns,
        clock_error_ns=0 if warm is None else warm.clock_error_ns,
        health=None,
        at_unix_ns=time.time_ns(),
        sealed_by="merge",
    )


def _why(run: StoredRun, attempt: str, parts: Sequence[Part], ended: bool) -> tuple[StopReason, int | None, str]:
    """(reason, since when nothing was sent, detail). The detail begins with the abort's kind, where there was one."""
    aborted = run.control is not None and run.control.state == "abort"
    kind = f"{kind_of_reason(run.control.reason)}: " if run.control is not None and aborted else ""
    end = run.observed.ends.get(attempt) if run.observed is not None else None
    reason: StopReason = "salvaged"
    if aborted and not parts and end is not None and end.exit_code == 0:
        # It read the abort before it sent: who sent leaves a receipt, or ends with an error. Without an abort the same
        # picture means that somebody removed what it left, and that is lost.
        reason = "not_allowed"
        return reason, None, f"{kind}it ended of itself before it sent anything"
    how = "its invocation had ended" if ended or end is not None else "no receipt came in time"
    return reason, _stopped_ns(run) if aborted else None, f"{kind}{how}; sealed from the {len(parts)} parts found"


def _parts(store: ObjectStore, attempt: str) -> tuple[tuple[Part, ...], Sequence[PartTable]]:
    parts, tables = [], []
    for entry in store.list(keys.parts(attempt)):
        body = store.get(entry.key).body
        rows = 0
        try:
            table = open_part(body, entry.key)
        except Damaged:
            pass  # listed without rows: whoever reads it finds it damaged
        else:
            tables.append(table)
            rows = table.rows.num_rows
        parts.append(Part(entry.key, rows, len(body), digest(body)))
    return tuple(parts), tables


def _stopped_ns(run: StoredRun) -> int | None:
    """Since t0: when an abort had certainly silenced a worker that may not have read it, one lease later."""
    if run.control is None or run.t0_unix_ns is None:
        return None
    return run.control_ns + round(run.control.lease_s * 1e9) - run.t0_unix_ns
