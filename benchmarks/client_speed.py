"""What each transport costs an event, and how true its times are: side by side against one mock server's truth log.

    python benchmarks/client_speed.py [--subjects floor native aiohttp native-bare aiohttp-bare] [--rate 300]
                                      [--seconds 5] [--repeats 1] [--json]

Loopback only, bounded in time. Server and client have a core each. `native` and `aiohttp` are the whole request path
(send at a Poisson arrival, parse, record); `-bare` is the transport alone, with a sink that keeps stamps and bytes;
`floor` is benchmarks/floor.c, compiled here, which parses nothing. Errors are against the server's own log on the same
clock: TTFT as reported less TTFT at the server, each gap between tokens less the server's, lateness of arrivals there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.client_subject import EVENT, PROMPT, TOKENS  # noqa: E402  # after the path to the package
from orchestrator.mockserver.truth import read_truth  # noqa: E402

TTFT_S, ITL_S = 0.05, 0.01
SUBJECTS = ("floor", "native", "aiohttp", "native-bare", "aiohttp-bare")


@dataclass(frozen=True, slots=True)
class Figure:
    """One run of one subject. Errors are None for the floor, which keeps no times. `waited_share`: of the time, how
    much the client was ready to run and had no core; above a few hundredths the others speak of the machine."""

    subject: str
    events: int
    cpu_us_per_event: float
    kernel_us_per_event: float  # of them
    core_share: float
    waited_share: float
    ttft_error_ms_p50: float | None = None
    ttft_error_ms_p99: float | None = None
    itl_error_ms_p99: float | None = None
    stamp_late_ms_p50: float | None = None
    stamp_late_ms_p99: float | None = None
    arrival_late_ms_p99: float | None = None
    failed: int = 0


def schedule(rate: float, seconds: float) -> list[int]:
    """Poisson arrivals, ns after the start; the same for every subject."""
    draw = random.Random(7)
    at, due = 0.0, []
    while (at := at + draw.expovariate(rate)) < seconds:
        due.append(int(at * 1e9))
    return due


@contextmanager
def mock_server(log: Path, core: int) -> Iterator[int]:
    config = json.dumps({"ttft_s": TTFT_S, "itl_s": ITL_S})
    command = [sys.executable, "-m", "orchestrator.mockserver", "--config-json", config, "--log", str(log)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        with suppress(OSError):
            os.sched_setaffinity(server.pid, {core})
        yield port
    finally:
        server.terminate()
        server.wait(20)


def measure(subject: str, due: list[int], folder: Path, cores: tuple[int, int]) -> Figure:
    log, out = folder / "truth.jsonl", folder / "measured.json"
    with mock_server(log, cores[0]) as port:
        if subject == "floor":
            return _floor(port, due, folder, cores[1])
        script = str(Path(__file__).with_name("client_subject.py"))
        command = [sys.executable, script, subject, str(port), str(out)]
        subprocess.run(
            command, input=json.dumps(due), text=True, check=True, timeout=120, preexec_fn=_pinned_to(cores[1])
        )
    return _judge(subject, due, json.loads(out.read_text()), log)


def _pinned_to(core: int) -> Any:
    def pin() -> None:
        with suppress(OSError):
            os.sched_setaffinity(0, {core})

    return pin


def _floor(port: int, due: list[int], folder: Path, core: int) -> Figure:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("no C compiler for the floor: leave it out of --subjects")
    binary, request = folder / "floor", folder / "request"
    subprocess.run([compiler, "-O2", "-o", str(binary), str(Path(__file__).with_name("floor.c"))], check=True)
    messages = [{"role": "user", "content": PROMPT.decode()}]
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": TOKENS}
    body = json.dumps({"model": "m", "messages": messages, **options}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    request.write_bytes(head + body)
    begun = time.monotonic()
    said = subprocess.run(
        [str(binary), str(port), str(request), EVENT.decode()],
        input="\n".join(map(str, due)),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        preexec_fn=_pinned_to(core),
    )
    figures = json.loads(said.stdout)
    cpu_us = figures["user_us"] + figures["system_us"]
    share = cpu_us / 1e6 / (time.monotonic() - begun)
    events = figures["events"]
    return Figure("floor", events, cpu_us / events, figures["system_us"] / events, share, 0.0)


def _judge(subject: str, due: list[int], measured: Any, log: Path) -> Figure:
    truth = {record.id: record for record in read_truth(log)}
    ttft, gaps, stamps, arrivals, events = [], [], [], [], 0
    for index, sent_ns, tokens in measured["results"]:
        record = truth.get(f"r-{index}")
        events += len(tokens)
        if record is None or record.arrival_boot_ns is None or len(tokens) != len(record.token_offset_ns):
            continue
        offsets = record.token_offset_ns
        ttft.append(tokens[0] - sent_ns - offsets[0])
        stamps += [token - record.arrival_boot_ns - offset for token, offset in zip(tokens, offsets, strict=True)]
        theirs, ours = pairwise(offsets), pairwise(tokens)
        gaps += [abs((c - b) - (z - y)) for (y, z), (b, c) in zip(theirs, ours, strict=True)]
        arrivals.append(record.arrival_boot_ns - measured["start_ns"] - due[index])
    return Figure(
        subject + (" (kernel stamps)" if measured["kernel"] else ""),
        events,
        measured["cpu_s"] / max(1, events) * 1e6,
        measured["kernel_s"] / max(1, events) * 1e6,
        measured["cpu_s"] / measured["wall_s"],
        measured["waited_s"] / measured["wall_s"],
        *(_ms(ttft, 0.5), _ms(ttft, 0.99), _ms(gaps, 0.99), _ms(stamps, 0.5), _ms(stamps, 0.99), _ms(arrivals, 0.99)),
        failed=measured["failed"] + len(due) - len(ttft),
    )


def _ms(values: list[int], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] / 1e6 if values else None


def _line(figure: Figure) -> str:
    def shown(*values: float | None) -> str:
        return " / ".join("-" if value is None else f"{value:.3f}" for value in values)

    return (
        f"{figure.subject:<26} {figure.events:>7} events  "
        f"{figure.cpu_us_per_event:6.2f} us CPU an event ({figure.kernel_us_per_event:5.2f} in the kernel)  "
        f"{figure.core_share:4.0%} of a core, {figure.waited_share:3.0%} waiting  ms: "
        f"TTFT error p50/p99 {shown(figure.ttft_error_ms_p50, figure.ttft_error_ms_p99)}  "
        f"ITL error p99 {shown(figure.itl_error_ms_p99)}  "
        f"stamp after write p50/p99 {shown(figure.stamp_late_ms_p50, figure.stamp_late_ms_p99)}  "
        f"late at the server p99 {shown(figure.arrival_late_ms_p99)}  failed {figure.failed}"
    )


def _median_of(figures: list[Figure]) -> Figure:
    columns: dict[str, Any] = {}
    for name in asdict(figures[0]):
        values = [getattr(figure, name) for figure in figures]
        columns[name] = values[0] if isinstance(values[0], str | None) else median(values)
    return Figure(**columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    due = schedule(options.rate, min(options.seconds, 60.0))
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, list[Figure]] = {subject: [] for subject in options.subjects}
    for _ in range(options.repeats):
        for subject in options.subjects:
            with tempfile.TemporaryDirectory() as folder:
                found[subject].append(measure(subject, due, Path(folder), (cores[0], cores[-1])))
            if not options.json:
                print(_line(found[subject][-1]), flush=True)
    medians = [_median_of(figures) for figures in found.values()]
    if options.json:
        print(json.dumps([asdict(figure) for figure in medians]))
    elif options.repeats > 1:
        print("medians", *map(_line, medians), sep="\n")


if __name__ == "__main__":
    main()
