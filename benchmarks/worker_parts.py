"""The parts of `make bench` with load: a real worker, what others cost beside it, its pace, its memory, its start."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import beside, truth_server, worker_run
from benchmarks.bars import median_of, stored
from benchmarks.worker_run import Asked

RATE, SECONDS = 300.0, 10.0
LONG_RATE, LONG_S = 500.0, 60.0
HTTPX_RATE = 40.0  # it saturates a core at about 50
LAUNCHES = 5


def worker(repeats: int) -> dict[str, Any]:
    """300 requests/s of 128 tokens, subject after subject in each repeat, so that all see the same machine."""
    before = stored().get("worker", {}).get("measured", {}).get("ours", [])  # other seeds than theirs
    _need(truth_server.why_not())
    subjects: dict[str, Callable[[int], dict[str, Any]]] = {
        "floor": lambda turn: beside.floor(RATE, SECONDS),
        "ours": lambda turn: worker_run.measure(Asked(RATE, SECONDS, seed=7 + turn)),
        "ours tls": lambda turn: worker_run.measure(Asked(RATE, SECONDS, tls=True, seed=7 + turn)),
        "aiohttp": lambda turn: beside.library("aiohttp", RATE, SECONDS),
        "httpx": lambda turn: beside.library("httpx", HTTPX_RATE, SECONDS),
    }
    left_out = {}
    if (why := truth_server.why_not(tls=True)) is not None:
        left_out["ours tls"] = why
    try:
        import httpx  # noqa: F401
    except ImportError:
        left_out["httpx"] = "httpx is not installed"
    for name in left_out:
        del subjects[name]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in subjects}
    for turn in range(len(before), len(before) + repeats):
        for name, measure in subjects.items():
            found[name].append(measure(turn))
            _say(name, found[name][-1])
    return {**found, "left_out": left_out}


def pace(repeats: int) -> dict[str, Any]:
    """Half and four fifths of capacity: the rate at which a core would be full, by the CPU of `worker`."""
    _need(truth_server.why_not())
    known = stored().get("worker", {}).get("measured", {}).get("ours")
    cost = median_of(known, "cpu_s_per_1000") if known else None
    if cost is None:
        cost = worker_run.measure(Asked(RATE, SECONDS))["cpu_s_per_1000"]
    capacity = 1000 / cost
    before = stored().get("pace", {}).get("measured", {}).get("half", [])
    found: dict[str, Any] = {"capacity_per_s": capacity, "half": [], "four_fifths": []}
    for turn in range(len(before), len(before) + repeats):
        for name, share in (("half", 0.5), ("four_fifths", 0.8)):
            found[name].append(worker_run.measure(Asked(round(share * capacity), SECONDS, seed=7 + turn)))
            _say(name, found[name][-1])
    return found


def long(repeats: int) -> dict[str, Any]:
    """500 requests/s for a minute, once: what the worker's memory does."""
    _need(truth_server.why_not())
    asked = Asked(LONG_RATE, LONG_S, flush_s=None)
    with tempfile.TemporaryDirectory() as folder:
        taken = worker_run.run(asked, Path(folder))
        found = worker_run.figures(asked, taken)
    begun = int(taken.truth.arrival_ns.min())
    course = [
        {"at_s": round((at_ns - begun) / 1e9, 1), "rss_mb": round(seen.rss_bytes / 1e6, 1), "threads": seen.threads}
        for at_ns, seen in taken.worker[::10]
    ]
    _say("long", found)
    return {**found, "course": course}


def start(repeats: int) -> dict[str, Any]:
    """From the start of the command to the first request at the server, one lane, 50 requests/s."""
    _need(truth_server.why_not())
    asked = Asked(50.0, 1.0)
    return {"first_request_s": [worker_run.measure(asked)["first_request_s"] for _ in range(max(LAUNCHES, repeats))]}


def _need(missing: str | None) -> None:
    if missing is not None:
        raise SystemExit(f"the truth server cannot be built here: {missing}")


def _say(name: str, found: dict[str, Any]) -> None:
    error = found.get("ttft_error_ms") or {}
    print(
        f"         {name:<12} {found['rate']:g}/s  {found['cpu_us_per_event']:.1f} us an event, "
        f"{found['cpu_s_per_1000']:.2f} s per 1,000, TTFT error p50/p99 {error.get('p50')} / {error.get('p99')} ms",
        flush=True,
    )
