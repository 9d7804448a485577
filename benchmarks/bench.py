"""Every bar of docs/performance.md, measured on this machine in one command.

    python benchmarks/bench.py --write                 all parts (about 15 minutes), the table in docs/performance.md
    python benchmarks/bench.py worker pace             some parts
    python benchmarks/bench.py --repeats 1 worker      quicker, and less to be believed
    python benchmarks/bench.py --repeats 1 --add worker    one repeat more, beside those already there

Parts: worker (300 streamed requests/s: ours, with TLS, the C floor, aiohttp, httpx), pace (half and four fifths of
capacity), long (500 requests/s), start, cold, merge, plan, mock. Each part's raw output goes to
docs/performance/raw/PART.json; a part that is not asked for keeps what it has there. Loopback only, bounded in time.
On a machine with other work: BENCHCTL_BENCH_REALTIME=1 gives the client under measurement real-time priority.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import scale_parts, worker_parts  # noqa: E402  # after the path to the package
from benchmarks.bars import stored, table  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.page import RAW, write_between  # noqa: E402
from benchmarks.truth_server import REALTIME  # noqa: E402

PARTS: dict[str, Callable[[int], Any]] = {
    "worker": worker_parts.worker,
    "pace": worker_parts.pace,
    "long": worker_parts.long,
    "start": worker_parts.start,
    "cold": scale_parts.cold,
    "merge": scale_parts.merge,
    "plan": scale_parts.plan,
    "mock": scale_parts.mock,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--add", action="store_true", help="keep the repeats that are there already")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    began = time.monotonic()
    for name in options.parts or PARTS:
        print(f"{time.monotonic() - began:5.0f} s  {name} ...", flush=True)
        before = stored().get(name, {}).get("measured") if options.add else None
        measured = joined(before, PARTS[name](options.repeats))
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        kept = {"part": name, "when": when, "machine": machine(), "realtime": REALTIME, "measured": measured}
        RAW.mkdir(parents=True, exist_ok=True)
        (RAW / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    lines = "\n".join(table(stored()))
    print(f"\n{lines}")
    if options.write:
        write_between("bars", lines)
    return 0


def joined(before: Any, measured: Any) -> Any:
    """Repeats of the same subjects as one list; what is no list of repeats is the newer one's."""
    if not isinstance(before, dict) or not isinstance(measured, dict):
        return measured
    both = {name: before[name] + runs for name, runs in measured.items() if isinstance(runs, list) and name in before}
    return measured | both


if __name__ == "__main__":
    sys.exit(main())
