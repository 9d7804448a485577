"""What the same load costs others, in the same run as ours: the C floor, and plain clients on aiohttp and httpx.

Against the C truth server, server and client a core each. The floor keeps no times, so it has no errors.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.truth_server import TOKENS, Truth, alone, dispersion, read_truth, truth_server
from benchmarks.truth_server import compiled as compiled_c

HERE = Path(__file__).resolve().parent
EVENT = '"delta":{"content"'
PROMPT = "word " * 64


def schedule(rate: float, seconds: float) -> list[int]:
    """Poisson arrivals, ns after the start; the same for every subject."""
    draw = random.Random(7)
    at, due = 0.0, []
    while (at := at + draw.expovariate(rate)) < seconds:
        due.append(int(at * 1e9))
    return due


def floor(rate: float, seconds: float) -> dict[str, Any]:
    """CPU of a reader that parses nothing: what the kernel asks."""
    due, cores = schedule(rate, seconds), sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch, truth_server(Path(scratch), cores[0]) as server:
        request = Path(scratch) / "request"
        request.write_bytes(_request())
        command = [str(compiled_c(HERE / "floor.c")), str(server.port), str(request), EVENT]
        said = subprocess.run(
            command, input="\n".join(map(str, due)), capture_output=True, text=True, check=True,
            timeout=seconds + 60, preexec_fn=lambda: alone(0, cores[-1]),
        )  # fmt: skip
    found = json.loads(said.stdout)
    cpu_s = (found["user_us"] + found["system_us"]) / 1e6
    return {
        "subject": "floor",
        "rate": rate,
        "events": found["events"],
        "cpu_us_per_event": cpu_s / found["events"] * 1e6,
        "cpu_s_per_1000": cpu_s / found["requests"] * 1000,
    }


def library(name: str, rate: float, seconds: float) -> dict[str, Any]:
    """benchmarks/libraries.py, judged by the server's log."""
    due, cores = schedule(rate, seconds), sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "measured.json"
        with truth_server(Path(scratch), cores[0]) as server:
            command = [sys.executable, str(HERE / "libraries.py"), name, str(server.port), str(out)]
            subprocess.run(
                command, input=json.dumps(due), text=True, check=True, timeout=seconds + 120,
                preexec_fn=lambda: alone(0, cores[-1]),
            )  # fmt: skip
        measured, truth = json.loads(out.read_text()), read_truth(server.log)
    return _judged(name, rate, seconds, measured, truth, due)


def _judged(name: str, rate: float, seconds: float, measured: Any, truth: Truth, due: list[int]) -> dict[str, Any]:
    by_number = {number: index for index, number in enumerate(truth.number.tolist())}
    error, gaps, late = [], [], []
    for index, sent_ns, stamps in measured["results"]:
        entry = by_number[index]
        offsets = truth.offsets[entry]
        late.append(int(truth.arrival_ns[entry]) - measured["start_ns"] - due[index])
        if len(stamps) == len(offsets):
            error.append(stamps[0] - sent_ns - int(offsets[0]))
            gaps.append(np.abs(np.diff(stamps) - np.diff(offsets)))
    events = sum(len(stamps) for _, _, stamps in measured["results"])
    return {
        "subject": name,
        "rate": rate,
        "events": events,
        "cpu_us_per_event": measured["cpu_s"] / events * 1e6,
        "cpu_s_per_1000": measured["cpu_s"] / len(due) * 1000,
        "ttft_error_ms": {"p50": _ms(error, 0.5), "p99": _ms(error, 0.99)},
        "itl_error_ms": {"p99": _ms(np.concatenate(gaps), 0.99)} if gaps else None,
        "late_at_server_ms": {"p50": _ms(late, 0.5), "p99": _ms(late, 0.99)},
        "dispersion": dispersion(truth.arrival_ns, seconds),
    }


def _ms(values_ns: Any, share: float) -> float | None:
    return round(float(np.quantile(values_ns, share)) / 1e6, 4) if len(values_ns) else None


def _request() -> bytes:
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": TOKENS}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}], **options}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
