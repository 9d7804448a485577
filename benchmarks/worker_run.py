"""One real run (`benchctl launch`, local provider, one lane) against the truth server, and what the two logs say of it.

The worker is the product's own: plan, lease, pacing, transport, records to the store, receipt. It has a core to itself,
the server another; the orchestrator shares the server's. Reported values come from the run's records, true ones from
the server's log; a record and an entry of the log belong together by the request's number.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.truth_server import (  # noqa: E402  # after the path to the package
    TOKENS,
    Truth,
    alone,
    dispersion,
    read_truth,
    truth_server,
)
from benchmarks.watching import Seen, Watch  # noqa: E402

WORKER = "function.entry.local"
PROMPT = "word " * 64
MEASURED = (0, 3, 4)  # exit codes of a run that was carried out

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Asked:
    """`transport`: server.transport. `flush_s`: fanout.flush; None: the default."""

    rate: float
    seconds: float
    tls: bool = False
    transport: str = "auto"
    seed: int = 7
    flush_s: float | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """By position; `place` of a request number is its position. Row i has the gaps from `start[i]` to `start[i + 1]`,
    the first of them from `sent_ns`. Times in ns since t0, 0 where there is none."""

    place: dict[int, int]
    ok: NDArray[np.bool_]
    connect_ns: Int64
    scheduled_ns: Int64
    sent_ns: Int64
    first_token_ns: Int64
    start: Int64
    gaps_ns: Int64

    def __len__(self) -> int:
        return len(self.ok)

    def gaps_of(self, place: int) -> Int64:
        return self.gaps_ns[self.start[place] : self.start[place + 1]]

    @property
    def itl_ns(self) -> Int64:
        """Gaps between tokens of all that succeeded."""
        between = np.ones(len(self.gaps_ns), bool)
        between[self.start[:-1][np.diff(self.start) > 0]] = False
        return self.gaps_ns[between & np.repeat(self.ok, np.diff(self.start))]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run left: its records, the truth, the receipt's health, the worker's course."""

    records: Records
    truth: Truth
    t0_boot_ns: int
    launched_ns: int
    verdict: str
    codes: list[str]
    health: dict[str, Any]
    watch: Watch
    worker: list[tuple[int, Seen]]
    server_cpu_s: float
    wall_s: float


def run(asked: Asked, folder: Path, every_s: float = 0.1) -> Taken:
    """`every_s`: between looks at the processes. Raises RuntimeError with the command's words where nothing was
    measured."""
    cores = sorted(os.sched_getaffinity(0))
    with truth_server(folder, cores[0], asked.tls) as server:
        config = folder / "config.json"
        config.write_text(json.dumps(_config(server.url, asked, folder)))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if server.certificate is not None:
            environment["SSL_CERT_FILE"] = str(server.certificate)
        launched_ns, begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.monotonic()
        command = [sys.executable, "-m", "orchestrator", "launch", str(config), "--yes", "--json"]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

        def found(seen: Seen) -> None:
            if WORKER in seen.command:
                alone(seen.pid, cores[-1])
            else:
                with suppress(OSError):
                    os.sched_setaffinity(seen.pid, {cores[0]})

        watch = Watch(process.pid, every_s, found)
        said, errors = process.communicate(timeout=asked.seconds + 120)
        watch.close()
        server_cpu_s = watch_cpu(server.pid)
    if process.returncode not in MEASURED:
        raise RuntimeError(f"exit {process.returncode}: {errors[-2000:]}")
    return _taken(folder, json.loads(said)["result"], (launched_ns, time.monotonic() - begun), watch, server_cpu_s)


def watch_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _config(url: str, asked: Asked, folder: Path) -> dict[str, Any]:
    data = folder / "prompts.jsonl"
    data.write_text(json.dumps({"prompt": PROMPT, "output_tokens": TOKENS}) + "\n")
    server = {"type": "vllm", "model_name": "m", "base_url": url, "transport": asked.transport}
    stages = [{"rate": asked.rate, "duration": asked.seconds}]
    fanout: dict[str, Any] = {"lanes": 1}
    if asked.flush_s is not None:
        fanout["flush"] = asked.flush_s
    return {
        "api": {"type": "chat", "streaming": True},
        "server": server,
        "data": {"type": "file", "path": str(data)},
        "load": {"type": "poisson", "base_seed": asked.seed, "stages": stages},
        "fanout": fanout,
    }


def _taken(folder: Path, result: dict[str, Any], took: tuple[int, float], watch: Watch, server_cpu_s: float) -> Taken:
    run_folder = folder / "runs" / result["run_id"]
    truth = read_truth(folder / "truth.bin")
    summary = json.loads((run_folder / "report" / "summary.json").read_text())
    receipt = json.loads(next((run_folder / "receipts").iterdir()).read_text())
    t0_wall_ns = json.loads((run_folder / "go" / "0-0.json").read_text())["run_t0_unix_ns"]
    worker = [course for pid, course in watch.courses.items() if WORKER in watch.processes[pid].command]
    return Taken(
        records=_records(run_folder),
        truth=truth,
        t0_boot_ns=t0_wall_ns - truth.wall_less_boot_ns,
        launched_ns=took[0],
        verdict=result["verdict"],
        codes=sorted({finding["code"] for finding in summary["findings"]}),
        health=receipt["health"],
        watch=watch,
        worker=max(worker, key=len),
        server_cpu_s=server_cpu_s,
        wall_s=took[1],
    )


def _records(run_folder: Path) -> Records:
    names = ["request_index", "status", "connect_ns", "scheduled_ns", "sent_ns", "first_token_ns", "token_gaps"]
    parts = [pa.ipc.open_file(part).read_all() for part in sorted((run_folder / "records").rglob("*.arrow"))]
    table = pa.concat_tables([part.select(names) for part in parts]).combine_chunks()
    numbers = table["request_index"].to_pylist()
    connect_ns, scheduled_ns, sent_ns, first_token_ns = (
        pc.fill_null(table[name], 0).to_numpy() for name in ("connect_ns", "scheduled_ns", "sent_ns", "first_token_ns")
    )
    gaps = table["token_gaps"].chunk(0)
    return Records(
        {number: place for place, number in enumerate(numbers)},
        np.array([status == "ok" for status in table["status"].to_pylist()]),
        connect_ns,
        scheduled_ns,
        sent_ns,
        first_token_ns,
        gaps.offsets.to_numpy().astype(np.int64),
        gaps.values.to_numpy().astype(np.int64),
    )


def figures(asked: Asked, taken: Taken) -> dict[str, Any]:
    """The run in numbers. Errors are reported less true, ms; lateness is at the server, against the plan, ms.

    The wait for a new connection is part of a reported TTFT and recorded apart, and the server cannot know it: it is
    taken off before the two are compared (`ttft_error_with_connect_ms`: it is not).
    """
    ttft, true_ttft, connect, gap_error, late, late_reused = [], [], [], [], [], []
    records = taken.records
    for number, arrival_ns, offsets in zip(
        taken.truth.number.tolist(), taken.truth.arrival_ns.tolist(), taken.truth.offsets, strict=True
    ):
        place = records.place.get(number)
        if place is None:
            continue
        late.append(arrival_ns - taken.t0_boot_ns - int(records.scheduled_ns[place]))
        if not records.connect_ns[place]:
            late_reused.append(late[-1])
        gaps = records.gaps_of(place)
        if records.ok[place] and len(offsets) == len(gaps):
            ttft.append(int(records.first_token_ns[place] - records.sent_ns[place]))
            true_ttft.append(int(offsets[0]))
            connect.append(int(records.connect_ns[place]))
            gap_error.append(np.abs(gaps[1:] - np.diff(offsets)))
    last = int(taken.truth.arrival_ns.max()) + round(2e9)
    cpu_s = _worker_cpu(taken, int(taken.truth.arrival_ns.min()), last)
    planned, health = len(records), taken.health
    return {
        "rate": asked.rate,
        "seconds": asked.seconds,
        "tls": asked.tls,
        "requests": planned,
        "ok": int(records.ok.sum()),
        "arrived": int(taken.truth.arrival_ns.size),
        "verdict": taken.verdict,
        "findings": taken.codes,
        "ttft_reported_ms": _spread(ttft),
        "ttft_true_ms": _spread(true_ttft),
        "ttft_error_ms": _spread(np.array(ttft) - np.array(connect) - np.array(true_ttft)),
        "ttft_error_with_connect_ms": _spread(np.array(ttft) - np.array(true_ttft)),
        "new_connections": float(np.mean(np.array(connect) > 0)) if connect else None,
        "ttft_p50_off_ms": _off(np.array(ttft) - np.array(connect), true_ttft, 0.5),
        "ttft_p99_off_ms": _off(np.array(ttft) - np.array(connect), true_ttft, 0.99),
        "itl_error_ms": _spread(np.concatenate([np.empty(0), *gap_error])),
        "late_at_server_ms": _spread(late),
        "late_on_open_connections_ms": _spread(late_reused),
        "dispersion": dispersion(taken.truth.arrival_ns, asked.seconds),
        "dispersion_20ms": dispersion(taken.truth.arrival_ns, asked.seconds, 0.02),
        "cpu_s_per_1000": cpu_s / max(1, planned) * 1000,
        "cpu_us_per_event": cpu_s / max(1, planned * TOKENS) * 1e6,
        "rss_mb": max(seen.high_bytes for _, seen in taken.worker) / 1e6,
        "loop_lag_p99_ms": health["loop_lag_p99_ns"] / 1e6,
        "kernel_stamps": health["kernel_stamps"],
        "first_request_s": (int(taken.truth.arrival_ns.min()) - taken.launched_ns) / 1e9,
        "server_cpu_s": taken.server_cpu_s,
        "server_share": taken.server_cpu_s / max(0.1, asked.seconds),
    }


def _worker_cpu(taken: Taken, start_ns: int, end_ns: int) -> float:
    before = [seen.cpu_s for at_ns, seen in taken.worker if at_ns <= start_ns]
    after = [seen.cpu_s for at_ns, seen in taken.worker if at_ns >= end_ns]
    return (after[0] if after else taken.worker[-1][1].cpu_s) - (before[-1] if before else 0.0)


def _spread(values_ns: Any) -> dict[str, float] | None:
    values = np.asarray(values_ns, np.float64)
    if not values.size:
        return None
    shares = (0.5, 0.9, 0.99, 0.999)
    found = np.quantile(values, shares) / 1e6
    return {f"p{share * 100:g}": round(float(value), 4) for share, value in zip(shares, found)} | {
        "max": round(float(values.max()) / 1e6, 4)
    }


def _off(reported: Int64, true: list[int], share: float) -> float | None:
    return float(np.quantile(reported, share) - np.quantile(true, share)) / 1e6 if true else None


def measure(asked: Asked) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return figures(asked, run(asked, Path(folder)))
