"""The C truth server as a process: compiled here, started on a core of its own, its log read back as arrays.

It needs a C compiler; TLS also OpenSSL's headers (libssl-dev) and the `openssl` command for a certificate. Without
these `why_not` says so. The log has each request's arrival (the kernel's receive stamp) and each event's write.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
TTFT_S, ITL_S, TOKENS = 0.05, 0.01, 128
ANSWER_S = TTFT_S + (TOKENS - 1) * ITL_S
MAGIC = 0x31757274
REALTIME = bool(os.environ.get("BENCHCTL_BENCH_REALTIME"))
_HEAD_WORDS = 6

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TruthServer:
    """`certificate`: the PEM to trust, where it speaks TLS. `log` is written when it has ended."""

    port: int
    pid: int
    log: Path
    certificate: Path | None

    @property
    def url(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Truth:
    """One entry a request, in order of their ends. `arrival_ns`: CLOCK_BOOTTIME. `number`: the digits that end its
    X-Request-ID, or -1. `offsets[i]`: ns after the arrival at which each event of it was written."""

    arrival_ns: Int64
    number: Int64
    connection: Int64
    whole: NDArray[np.bool_]
    offsets: list[Int64]
    wall_less_boot_ns: int

    @property
    def ttft_ns(self) -> Int64:
        return np.array([times[0] for times in self.offsets if len(times)], np.int64)

    @property
    def gaps_ns(self) -> Int64:
        gaps = [np.diff(times) for times in self.offsets]
        return np.concatenate(gaps) if gaps else np.empty(0, np.int64)


def why_not(tls: bool = False) -> str | None:
    """What is missing to run it here; None: nothing."""
    if _compiler() is None:
        return "no C compiler (cc or gcc)"
    if tls and shutil.which("openssl") is None:
        return "no openssl command for a certificate"
    if tls:
        try:
            binary(tls=True)
        except subprocess.CalledProcessError:
            return "OpenSSL's headers are missing (Debian: libssl-dev)"
    return None


@cache
def compiled(source: Path, *extra: str) -> Path:
    """Into a cache folder outside the tree, again whenever the source is newer."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchctl-bench"
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / f"{source.stem}{''.join(extra)}-{source.stat().st_mtime_ns}"
    if not built.exists():
        command = [_compiler() or "cc", "-O2", "-o", str(built), str(source), *extra]
        subprocess.run(command, check=True, capture_output=True)
    return built


def binary(tls: bool) -> Path:
    return compiled(HERE / "server.c", *(("-DTLS", "-lssl", "-lcrypto") if tls else ()))


@contextmanager
def truth_server(
    folder: Path, core: int | None = None, tls: bool = False, ttft_s: float = TTFT_S, itl_s: float = ITL_S
) -> Iterator[TruthServer]:
    """Serves until the block is left; then its log can be read."""
    log = folder / "truth.bin"
    command = [str(binary(tls)), str(log), str(round(ttft_s * 1e6)), str(round(itl_s * 1e6))]
    certificate = None
    if tls:
        certificate, key = _certificate(folder)
        command += [str(certificate), str(key)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().split()[1])
        prefer(server.pid, 2)  # it stands for another machine: a client that takes every core must not slow it
        if core is not None:
            with suppress(OSError):
                os.sched_setaffinity(server.pid, {core})
        yield TruthServer(port, server.pid, log, certificate)
    finally:
        server.terminate()
        server.wait(20)


def prefer(pid: int, priority: int = 1) -> None:
    """Real-time priority, where that is allowed."""
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(priority))


def alone(pid: int = 0, core: int | None = None) -> None:
    """The client's process as it is measured: on its core, and before all other work of the machine where
    BENCHCTL_BENCH_REALTIME is set, which stands for a machine without other work."""
    if core is not None:
        with suppress(OSError):
            os.sched_setaffinity(pid, {core})
    if REALTIME:
        prefer(pid)


def read_truth(log: Path) -> Truth:
    """Raises ValueError for what is no such log."""
    words = np.fromfile(log, np.int64)
    if words.size < 2 or words[0] != MAGIC:
        raise ValueError(f"{log} is not a truth server's log")
    heads, offsets = [], []
    at = 2
    while at < words.size:
        head = words[at : at + _HEAD_WORDS]
        at += _HEAD_WORDS
        heads.append(head)
        offsets.append(words[at : at + int(head[5])])
        at += int(head[5])
    table = np.array(heads, np.int64).reshape(-1, _HEAD_WORDS)
    return Truth(table[:, 0], table[:, 1], table[:, 2], table[:, 4] == 1, offsets, int(words[1]))


def dispersion(arrival_ns: Int64, seconds: float, window_s: float = 0.1) -> float | None:
    """Variance of the counts in windows over their mean: 1 of a Poisson process. From the first arrival on."""
    if arrival_ns.size < 2:
        return None
    since = (arrival_ns - arrival_ns.min()) / 1e9
    counts = np.histogram(since, bins=max(2, round(seconds / window_s)), range=(0, seconds))[0]
    return float(counts.var(ddof=1) / counts.mean())


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "server.pem", folder / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key
