"""How many streamed events a second the mock server serves on one core, and how late its tokens are then.

    python benchmarks/mockserver_speed.py [--seconds 4] [--rates 2000 60000 100000] [--without-log] [--json]

Loopback only, bounded in time. The server runs as its own process on one core, a reader that only counts on another.
For each offered rate: events a second received, the server's CPU per event (user + system), and from its truth log how
late tokens were handed to the socket against arrival + TTFT + i x ITL. Figures of a machine with other work vary.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from orchestrator.mockserver.truth import read_truth  # noqa: E402  # after the path to the package

ITL_S, TTFT_S, TOKENS = 0.01, 0.05, 128
REQUEST_S = TTFT_S + (TOKENS - 1) * ITL_S
PROMPT = "word " * 64
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """One offered rate. Lateness is None where there was no log.

    `waited_share` is how much of the time the server was ready to run and had no core: above a few hundredths the other
    figures speak of the machine.
    """

    offered_per_s: int
    received_per_s: float
    cpu_us_per_event: float
    core_share: float
    waited_share: float
    late_ms_p50: float | None
    late_ms_p99: float | None
    late_ms_p999: float | None


class Reader:
    """Keeps `streams` requests in flight, begun evenly over one request's duration, and counts the events."""

    def __init__(self, port: int, streams: int) -> None:
        self.events = 0
        self._selector = selectors.EpollSelector()
        self._buffer = bytearray(65_536)
        body = {"model": "m", "stream": True, "max_tokens": TOKENS, "messages": [{"role": "user", "content": PROMPT}]}
        raw = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n\r\n".encode()
        self._request = head + raw
        self._idle = []
        for _ in range(streams):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            self._idle.append(connection)
        self._begun, self._apart = time.perf_counter(), REQUEST_S / streams
        self._started = 0

    def read_for(self, seconds: float) -> float:
        """Reads that long; returns the seconds it really took."""
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            while self._idle and now >= self._begun + self._started * self._apart:
                self._idle.pop().send(self._request)
                self._started += 1
            self._read_once()
        return now - begun

    def _read_once(self) -> None:
        buffer = self._buffer
        for key, _ in self._selector.select(0.001 if self._idle else 0.1):
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            length = connection.recv_into(buffer)
            self.events += buffer.count(b'"token_ids":null}]', 0, length)
            if buffer.find(b"data: [DONE]", 0, length) >= 0:
                connection.send(self._request)

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def measure(rate: int, seconds: float, log: Path | None, cores: tuple[int, int]) -> Figure:
    """Offers `rate` events a second for `seconds`."""
    config = json.dumps({"ttft_s": TTFT_S, "itl_s": ITL_S})
    command = [sys.executable, "-m", "orchestrator.mockserver", "--config-json", config]
    if log is not None:
        command += ["--log", str(log)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        with suppress(OSError):
            os.sched_setaffinity(server.pid, {cores[0]})
            os.sched_setaffinity(0, {cores[1]})
        reader = Reader(port, max(1, round(rate * REQUEST_S / TOKENS)))
        reader.read_for(REQUEST_S + 0.2)
        events, cpu, waited = reader.events, _cpu_s(server.pid), _waited_s(server.pid)
        took = reader.read_for(seconds)
        events, cpu = reader.events - events, _cpu_s(server.pid) - cpu
        waited = _waited_s(server.pid) - waited
        reader.close()
    finally:
        server.terminate()
        server.wait(10)
    late = _lateness_ms(log) if log is not None else []
    at = [_percentile(late, share) for share in (0.5, 0.99, 0.999)]
    return Figure(rate, events / took, cpu / max(1, events) * 1e6, cpu / took, waited / took, *at)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _waited_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def _lateness_ms(log: Path) -> list[float]:
    late = []
    for record in read_truth(log):
        for step, offset in enumerate(record.token_offset_ns):
            late.append(offset / 1e6 - (TTFT_S + step * ITL_S) * 1e3)
    return sorted(late)


def _percentile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rates", type=int, nargs="+", default=[2_000, 20_000, 60_000, 100_000, 140_000])
    parser.add_argument("--without-log", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for rate in options.rates:
            log = None if options.without_log else Path(folder) / f"{rate}.jsonl"
            figures.append(measure(rate, min(options.seconds, 30.0), log, (cores[0], cores[-1])))
            if not options.json:
                print(_line(figures[-1]), flush=True)
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures]))


def _line(figure: Figure) -> str:
    late = [figure.late_ms_p50, figure.late_ms_p99, figure.late_ms_p999]
    shown = " / ".join("-" if value is None else f"{value:.3f}" for value in late)
    return (
        f"offered {figure.offered_per_s:>7,}/s  received {figure.received_per_s:>9,.0f}/s  "
        f"{figure.cpu_us_per_event:5.2f} us CPU an event  "
        f"{figure.core_share:4.0%} of a core, {figure.waited_share:3.0%} waiting for it  "
        f"late ms p50/p99/p99.9 {shown}"
    )


if __name__ == "__main__":
    main()
