"""The kinds of trouble, each a function of a seed that varies rate, lanes, TTFT, size and place of the disturbance.

Sizes are chosen clearly beside the thresholds; whether they turned out so is for `oracle` to say, by the server's log.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.e2e.planted.case import TOKENS, Case

SECONDS = 10


def healthy(seed: int) -> Case:
    draw = Random(f"healthy {seed}")
    return Case("healthy", seed, draw.randint(10, 40), draw.choice((1, 2, 3)), SECONDS, _server(draw))


def hog(seed: int) -> Case:
    """A thread in the worker holds the interpreter for 30 to 180 ms at a time, 40 % of the time.

    Where stamps are not the kernel's, what is measured of TTFT grows with it, and so do the limits.
    """
    draw = Random(f"hog {seed}")
    aiohttp = draw.random() < 0.4
    if draw.random() < 0.5:
        ttft_s = draw.uniform(0.15, 0.30)
        hold_s = ttft_s * draw.uniform(0.21, 0.28)
    else:
        ttft_s = draw.uniform(0.03, 0.04) if aiohttp else draw.uniform(0.08, 0.13)
        hold_s = ttft_s * (draw.uniform(3.8, 4.5) if aiohttp else draw.uniform(1.1, 1.3))
    # Sampled every 10 ms, two fifths of the lags lie evenly between 0 and the hold.
    planted = {"lag_p99_s": hold_s * (1 - 0.01 / 0.4), "stamps_late_s": hold_s} if aiohttp else {}
    return Case(
        "client hog",
        seed,
        draw.randint(20, 40),
        1,
        SECONDS,
        _server(draw, ttft_s),
        frozenset({"late_tail", "late_median", "loop_lag"}),
        inside={"what": "hog", "hold_s": hold_s, "idle_s": hold_s * 1.5, "seed": seed},
        transport="aiohttp" if aiohttp else "auto",
        note=f"{hold_s * 1e3:.0f} ms{', aiohttp' if aiohttp else ''}",
        planted=planted,
    )


def stopped(seed: int) -> Case:
    """One worker is stopped for 100 ms every 5 s, just before a send is due."""
    draw = Random(f"stopped {seed}")
    harsh = draw.random() < 0.5  # 100 ms are more than half of its TTFT's p99 and 50 ms, or a quarter
    lanes = 1 if harsh else draw.choice((1, 2))
    rate = draw.randint(18, 30) * lanes
    first = draw.uniform(1.0, 4.5)
    stops = tuple(round((first + 5 * i) * rate) / rate - draw.uniform(0.003, 0.010) for i in range(3))
    return Case(
        "worker stopped",
        seed,
        rate,
        lanes,
        15,
        _server(draw, draw.uniform(0.05, 0.09) if harsh else draw.uniform(0.34, 0.42)),
        frozenset({"late_tail"}),
        stops_s=stops,
    )


def grid(seed: int) -> Case:
    """Sends leave on a 10 ms grid. Beside a TTFT of 5 ms the numbers are worthless; beside 250 ms it harms nobody."""
    draw = Random(f"grid {seed}")
    ttft_s = (draw.uniform(0.004, 0.006), draw.uniform(0.016, 0.027), draw.uniform(0.2, 0.3))[seed % 3]
    rate = draw.choice((17, 19, 23, 29, 31, 37))  # a period that is no multiple of 10 ms, or all are equally late
    mock = {"ttft_s": ttft_s, "itl_s": 0.01}  # no pause of a shared machine swallows many such gaps
    expects = frozenset({"late_median"}) if ttft_s < 0.1 else frozenset()
    inside = {"what": "grid", "step_ns": 10_000_000}
    note = f"TTFT {ttft_s * 1e3:.0f} ms"
    return Case("timer grid", seed, rate, draw.choice((1, 2)), SECONDS, mock, expects, inside, note=note)


def dropped(seed: int) -> Case:
    """0.3 to 4 % of the sends are neither sent nor recorded."""
    draw = Random(f"dropped {seed}")
    rate = draw.randint(25, 40)
    planned = rate * SECONDS
    share = 0.006 if seed % 4 == 3 else draw.uniform(0.017, 0.04)
    gone = sorted(draw.sample(range(planned), int(share * planned)))
    return Case(
        "sends dropped",
        seed,
        rate,
        draw.choice((1, 2, 3)),
        SECONDS,
        _server(draw),
        frozenset({"requests_lost", "sent_short"}),
        inside={"what": "drop", "indices": gone},
        note=f"{len(gone)} of {planned}",
    )


def shard_lost(seed: int) -> Case:
    """A shard's records and receipt are removed, for odd seeds with every other trace of it; then merged again."""
    draw = Random(f"shard {seed}")
    lanes = draw.choice((2, 3))
    return Case(
        "shard lost",
        seed,
        draw.randint(12, 40),
        lanes,
        8,
        _server(draw),
        frozenset({"shard_missing"}),
        lost=(draw.randrange(lanes),),
        thoroughly=bool(seed % 2),
    )


def clock(seed: int) -> Case:
    """The workers' wall clock is 1.5 to 2.5 s ahead."""
    draw = Random(f"clock {seed}")
    offset_s = draw.uniform(1.5, 2.5)
    return Case(
        "clock +2 s",
        seed,
        draw.randint(10, 40),
        draw.choice((1, 2)),
        SECONDS,
        _server(draw),
        frozenset({"clock_error"}),
        inside={"what": "clock", "offset_ns": round(offset_s * 1e9)},
        planted={"clock_offset_s": offset_s},
    )


def errors(seed: int) -> Case:
    """3 to 20 % of the answers fail: refused, cut off or with an error in the stream."""
    draw = Random(f"errors {seed}")
    fault = ("http_500", "http_503", "cut", "error_event")[seed % 4]
    share = draw.uniform(0.03, 0.20)
    mock = {**_server(draw), "faults": {fault: share}, "seed": seed}
    lanes = draw.choice((1, 2))
    rate = draw.randint(20, 40)
    note = f"{fault} {share:.0%}"
    return Case("server errors", seed, rate, lanes, SECONDS, mock, frozenset({"errors"}), note=note)


def cold(seed: int) -> Case:
    """Service is five times slower at first, and the queue that this makes is worked off within seconds."""
    draw = Random(f"cold {seed}")
    rate, slots = draw.randint(18, 30), draw.choice((2, 3, 4))
    mock = _slots(rate, slots, load=draw.uniform(0.45, 0.55), first=draw.uniform(0.3, 0.6))
    mock["cold_start"] = {"times": 5.0, "tau_s": draw.uniform(0.8, 1.1)}
    return Case("cold server", seed, rate, draw.choice((1, 2)), 14, mock, frozenset({"warmup_suspected"}))


def drift(seed: int) -> Case:
    """Service grows by 50 to 80 % from the first request to the last."""
    draw = Random(f"drift {seed}")
    by = draw.uniform(0.5, 0.8)
    mock = {**_server(draw), "drift": {"by": by, "over_s": float(SECONDS)}}
    rate, lanes = draw.randint(15, 40), draw.choice((1, 2, 3))
    return Case("drift", seed, rate, lanes, SECONDS, mock, frozenset({"trend"}), note=f"+{by:.0%}")


def overload(seed: int) -> Case:
    """The rate is 1.4 to 2 times what the slots can serve."""
    draw = Random(f"overload {seed}")
    rate, load = draw.randint(15, 35), draw.uniform(1.4, 2.0)
    mock = _slots(rate, draw.choice((1, 2, 4)), load, first=draw.uniform(0.3, 0.7))
    lanes = draw.choice((1, 2))
    return Case("overload", seed, rate, lanes, SECONDS, mock, frozenset({"saturated"}), note=f"load {load:.1f}")


def _server(draw: Random, ttft_s: float | None = None) -> dict[str, Any]:
    return {"ttft_s": draw.uniform(0.1, 0.3) if ttft_s is None else ttft_s, "itl_s": draw.uniform(0.002, 0.01)}


def _slots(rate: float, slots: int, load: float, first: float) -> dict[str, Any]:
    """A server whose service takes load x slots / rate, the share `first` of it up to the first token."""
    service_s = load * slots / rate
    return {"slots": slots, "ttft_s": first * service_s, "itl_s": (1 - first) * service_s / (TOKENS - 1)}


PLANTED: tuple[Callable[[int], Case], ...] = (
    hog,
    stopped,
    grid,
    dropped,
    shard_lost,
    clock,
    errors,
    cold,
    drift,
    overload,
)
