"""A long run at half of what fills a core: does the worker's memory stay flat, does it leak, is it as punctual at last?

    python benchmarks/soak.py --minutes 10                 at the capacity that `bench.py worker` last measured
    python benchmarks/soak.py --minutes 2 --rate 150

One real run (benchctl launch, local, one lane) against the C truth server, looked at from outside once a second.
Compared: the minute after the first with the last one. Bars: resident memory grows by at most 5 MB; as many open files
and threads as before (files: one in ten, the pool breathes); lateness p99 at the server at most twice as large and
1 ms; nothing lost, nothing in flight at the end. Prints JSON; `--write` puts it into docs/performance/raw/soak.json and
docs/performance.md. Exit 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import worker_run  # noqa: E402  # after the path to the package
from benchmarks.bars import median_of, stored  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.page import RAW, write_between  # noqa: E402
from benchmarks.worker_run import Asked, Taken  # noqa: E402

MOST_MINUTES = 60.0
GREW_MB, FILES_SHARE, LATE_RATIO, LATE_FLOOR_MS = 5.0, 0.1, 2.0, 1.0
DEFAULT_RATE = 250.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="requests/s; default: half of capacity")
    parser.add_argument("--write", action="store_true", help="also into docs/performance")
    options = parser.parse_args()
    asked = Asked(options.rate or half_of_capacity(), min(options.minutes, MOST_MINUTES) * 60)
    with tempfile.TemporaryDirectory() as folder:
        taken = worker_run.run(asked, Path(folder), every_s=1.0)
        found = judged(asked, taken)
    found |= {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine()}
    print(json.dumps(found, indent=1))
    if options.write:
        RAW.mkdir(parents=True, exist_ok=True)
        (RAW / "soak.json").write_text(json.dumps(found, indent=1) + "\n")
        write_between("soak", "\n".join(lines(found)))
    return 0 if all(found["held"].values()) else 1


def half_of_capacity() -> float:
    cost = median_of(stored().get("worker", {}).get("measured", {}).get("ours", []), "cpu_s_per_1000")
    return round(500 / cost) if cost else DEFAULT_RATE


def judged(asked: Asked, taken: Taken, window_s: float | None = None) -> dict[str, Any]:
    """`window_s`: what is compared, second window against last; None: a minute, or a fifth of a shorter run."""
    window_s = min(60.0, asked.seconds / 5) if window_s is None else window_s
    early, last = (window_s, 2 * window_s), (asked.seconds - window_s, asked.seconds)
    figures = worker_run.figures(asked, taken)
    began_ns = taken.t0_boot_ns
    seen: dict[str, dict[str, Any]] = {}
    for name, (start_s, end_s) in (("early", early), ("last", last)):
        some = [one for at_ns, one in taken.worker if start_s <= (at_ns - began_ns) / 1e9 < end_s]
        seen[name] = {
            "rss_mb": round(median(one.rss_bytes for one in some) / 1e6, 2),
            "files": median(one.files for one in some),
            "threads": median(one.threads for one in some),
            "late_p99_ms": late_ms(taken, start_s, end_s, 0.99),
        }
    before, after = seen["early"], seen["last"]
    held = {
        "memory": after["rss_mb"] - before["rss_mb"] <= GREW_MB,
        "files": after["files"] <= before["files"] * (1 + FILES_SHARE) + 2,
        "threads": after["threads"] <= before["threads"],
        "lateness": after["late_p99_ms"] <= max(LATE_FLOOR_MS, LATE_RATIO * before["late_p99_ms"]),
        "nothing_lost": figures["ok"] == figures["requests"] == figures["arrived"],
        "nothing_left": taken.health["seconds"][-1]["in_flight"] == 0,
    }
    course = [(round((at_ns - began_ns) / 1e9), one) for at_ns, one in taken.worker[:: max(1, len(taken.worker) // 60)]]
    return {
        **{name: figures[name] for name in ("rate", "seconds", "requests", "ok", "verdict", "findings")},
        **{name: figures[name] for name in ("late_at_server_ms", "ttft_error_ms", "itl_error_ms", "cpu_s_per_1000")},
        "window_s": window_s,
        **seen,
        "held": held,
        "course": [[at_s, round(one.rss_bytes / 1e6, 1), one.files, one.threads] for at_s, one in course],
    }


def late_ms(taken: Taken, start_s: float, end_s: float, share: float) -> float:
    """Of the requests due in that time, at the server."""
    records = taken.records
    places = np.array([records.place.get(number, -1) for number in taken.truth.number.tolist()])
    known = places >= 0
    due = records.scheduled_ns[places[known]]
    late = taken.truth.arrival_ns[known] - taken.t0_boot_ns - due
    chosen = late[(due >= start_s * 1e9) & (due < end_s * 1e9)]
    return round(float(np.quantile(chosen, share)) / 1e6, 4)


def lines(found: dict[str, Any]) -> list[str]:
    before, after = found["early"], found["last"]
    head = (
        f"{found['machine']}: {found['requests']:,} requests in {found['seconds'] / 60:g} minutes at "
        f"{found['rate']:g}/s, {found['ok']:,} ok, verdict {found['verdict']}. Raw: `docs/performance/raw/soak.json`."
    )
    rows = [
        f"| resident memory, MB | {before['rss_mb']:.1f} | {after['rss_mb']:.1f} | {_held(found, 'memory')} |",
        f"| open files | {before['files']:g} | {after['files']:g} | {_held(found, 'files')} |",
        f"| threads | {before['threads']:g} | {after['threads']:g} | {_held(found, 'threads')} |",
        f"| late at the server p99, ms | {before['late_p99_ms']:.2f} | {after['late_p99_ms']:.2f} | "
        f"{_held(found, 'lateness')} |",
    ]
    names = f"| of the worker | {found['window_s']:g} s, early | the last {found['window_s']:g} s | |"
    return [head, "", names, "|---|---|---|---|", *rows]


def _held(found: dict[str, Any], name: str) -> str:
    return "held" if found["held"][name] else "**missed**"


if __name__ == "__main__":
    sys.exit(main())
