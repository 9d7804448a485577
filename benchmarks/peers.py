"""benchctl beside its peers, in one run against one server: what each reports, what is true, and what it costs.

    python benchmarks/peers.py                            install what is missing, then every tool at every rate
    python benchmarks/peers.py --tools benchctl aiperf --rates 50 150
    python benchmarks/peers.py --write                    also the table in docs/performance.md

Each peer has a virtual environment of its own in ~/.cache/benchctl-peers (about 7 GB together). Each run: a fresh C
truth server, pinned to nothing, Poisson arrivals for `--seconds`, the tool's whole process tree watched. Truth is the
server's log. Figures of a run replace those of an earlier one in docs/performance/raw/peers.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import worker_run  # noqa: E402  # after the path to the package
from benchmarks.machine import machine  # noqa: E402
from benchmarks.page import RAW, write_between  # noqa: E402
from benchmarks.peers_known import PEERS, Load, Peer, Said, make_tokenizer  # noqa: E402
from benchmarks.truth_server import Truth, dispersion, read_truth, truth_server, why_not  # noqa: E402
from benchmarks.watching import Watch  # noqa: E402

OURS = "benchctl"
TOOLS = (OURS, *(peer.name for peer in PEERS))
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchctl-peers"
STORED = RAW / "peers.json"
QUIET_NS = 500_000_000  # a tool's own probe requests come that long before its load


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--rates", type=float, nargs="+", default=[50.0, 150.0, 300.0])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    missing = why_not()
    if missing is not None:
        raise SystemExit(f"the truth server cannot be built: {missing}")
    stored: dict[str, Any] = json.loads(STORED.read_text()) if STORED.exists() else {"runs": {}}
    stored["machine"] = machine()
    for rate in options.rates:
        for name in options.tools:
            print(f"{name} at {rate:g}/s ...", flush=True)
            found = one(name, rate, options.seconds)
            stored["runs"][f"{name} at {rate:g}"] = found
            print(f"  {json.dumps(found)}", flush=True)
            STORED.parent.mkdir(parents=True, exist_ok=True)
            STORED.write_text(json.dumps(stored, indent=1) + "\n")
    lines = "\n".join(table(stored))
    print(lines)
    if options.write:
        write_between("peers", lines)
    return 0


def one(name: str, rate: float, seconds: float) -> dict[str, Any]:
    """One tool at one rate; `failed` says why there are no figures."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    begun = {"tool": name, "rate": rate, "seconds": seconds, "when": when}
    try:
        return begun | (ours(rate, seconds) if name == OURS else theirs(_peer(name), rate, seconds))
    except (RuntimeError, OSError, KeyError, StopIteration, subprocess.SubprocessError) as error:
        return begun | {"failed": f"{type(error).__name__}: {error}"[:2000]}


def ours(rate: float, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        asked = worker_run.Asked(rate, seconds)
        taken = worker_run.run(asked, Path(scratch))
        found = worker_run.figures(asked, taken)
    itl = np.quantile(taken.records.itl_ns, (0.5, 0.99)) / 1e6
    ttft = found["ttft_reported_ms"]
    said = Said(found["ok"], ttft["p50"], ttft["p99"], float(itl[0]), float(itl[1]))
    return _judged(said, taken.truth, taken.watch, taken.launched_ns, seconds) | {"verdict": taken.verdict}


def theirs(peer: Peer, rate: float, seconds: float) -> dict[str, Any]:
    bin_ = installed(peer)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with truth_server(folder) as server:
            load = Load(server.url, rate, seconds, make_tokenizer(folder / "tokenizer"), folder)
            environment = {**os.environ, **peer.environment}
            environment.pop("PYTHONPATH", None)
            with (folder / "words").open("w") as words:
                launched_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                process = subprocess.Popen(
                    peer.command(bin_, load), cwd=folder, env=environment, stdout=words, stderr=words,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
                watch = Watch(process.pid)
                try:
                    process.wait(seconds * 3 + 150)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, 9)
                    process.wait()
                    raise
                finally:
                    watch.close()
        if process.returncode:
            raise RuntimeError(f"exit {process.returncode}: {(folder / 'words').read_text()[-1500:]}")
        return _judged(peer.read(folder), read_truth(server.log), watch, launched_ns, seconds)


def _judged(said: Said, truth: Truth, watch: Watch, launched_ns: int, seconds: float) -> dict[str, Any]:
    order = np.argsort(truth.arrival_ns)
    arrivals = truth.arrival_ns[order]
    quiet = np.flatnonzero(np.diff(arrivals[:10]) > QUIET_NS)
    first = int(quiet[-1]) + 1 if quiet.size else 0
    arrivals, chosen = arrivals[first:], order[first:]
    offsets = [truth.offsets[index] for index in chosen if len(truth.offsets[index])]
    ends = [int(truth.arrival_ns[index] + truth.offsets[index][-1]) for index in chosen if len(truth.offsets[index])]
    ttft = np.array([times[0] for times in offsets]) / 1e6
    gaps = np.concatenate([np.diff(times) for times in offsets]) / 1e6
    span_s = (arrivals[-1] - arrivals[0]) / 1e9
    cpu_s = watch.cpu_between(int(arrivals[0]), max(ends))
    return {
        "said": {name: round(value, 4) for name, value in asdict(said).items()},
        "true": {
            "requests": len(arrivals),
            "ttft_p50": round(float(np.quantile(ttft, 0.5)), 4),
            "ttft_p99": round(float(np.quantile(ttft, 0.99)), 4),
            "itl_p50": round(float(np.quantile(gaps, 0.5)), 4),
            "itl_p99": round(float(np.quantile(gaps, 0.99)), 4),
        },
        "sent_per_s": round(float((len(arrivals) - 1) / span_s), 1),
        "dispersion": dispersion(arrivals, min(seconds, span_s)),
        "connections": len(set(truth.connection[chosen].tolist())),
        "cpu_s_per_1000": round(cpu_s / len(arrivals) * 1000, 2),
        "rss_mb": round(watch.most_rss_bytes / 1e6),
        "start_s": round((int(arrivals[0]) - launched_ns) / 1e9, 2),
        "end_s": round((watch.samples[-1].at_ns - max(ends)) / 1e9, 2),
    }


def _peer(name: str) -> Peer:
    return next(peer for peer in PEERS if peer.name == name)


def installed(peer: Peer) -> Path:
    """Its environment's bin folder, made where it is missing. Raises RuntimeError where it cannot be."""
    home = CACHE / peer.name.split()[0]
    ready = home / f"ready-{peer.version.split()[0]}"
    if ready.exists():
        return home / "bin"
    python = _python(peer)
    print(f"  installing {' '.join(peer.wants)} into {home} (minutes) ...", flush=True)
    subprocess.run([python, "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "pip"), "--disable-pip-version-check", "-q"]
    steps = [["install", *peer.wants]] + ([["uninstall", "-y", *peer.drops]] if peer.drops else [])
    for step in steps:
        done = subprocess.run([*pip, *step], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"pip {' '.join(step)}: {done.stderr[-1500:]}")
    ready.touch()
    return home / "bin"


def _python(peer: Peer) -> str:
    """An interpreter it runs on: this one, one on the path, one of pyenv's."""
    if peer.least_python <= sys.version_info[:2] <= peer.most_python:
        return sys.executable
    for minor in range(peer.most_python[1], peer.least_python[1] - 1, -1):
        pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
        for candidate in (shutil.which(f"python3.{minor}"), *map(str, reversed(pyenv))):
            if candidate and not subprocess.run([candidate, "-c", "import venv"], capture_output=True).returncode:
                return candidate
    raise RuntimeError(f"it needs Python {'.'.join(map(str, peer.least_python))} or newer, and none is here")


def table(stored: dict[str, Any]) -> Sequence[str]:
    lines = [f"{stored['machine']}. Raw: `docs/performance/raw/peers.json`.", ""]
    lines += [
        "| req/s | tool | TTFT p50 / p99 reported | true | off by | ITL p50 / p99 reported | true | sends/s"
        " | dispersion | CPU s per 1,000 | RSS MB | start s | after the load s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    runs = sorted(stored["runs"].values(), key=lambda run: (run["rate"], TOOLS.index(run["tool"])))
    lines += [_row(run) for run in runs]
    notes = [f"- {peer.name} {peer.version}: {peer.note}" for peer in PEERS if peer.note]
    return [*lines, "", *notes]


def _row(run: dict[str, Any]) -> str:
    head = f"| {run['rate']:g} | {run['tool']} | "
    if "failed" in run:
        return head + f"failed: {' '.join(run['failed'].split())[:160].replace('|', '/')} |" + " |" * 10
    said, true = run["said"], run["true"]
    off = [said[f"ttft_{share}"] - true[f"ttft_{share}"] for share in ("p50", "p99")]
    cells = [
        f"{said['ttft_p50']:.2f} / {said['ttft_p99']:.1f}",
        f"{true['ttft_p50']:.2f} / {true['ttft_p99']:.1f}",
        f"{off[0]:+.2f} / {off[1]:+.1f}",
        f"{said['itl_p50']:.2f} / {said['itl_p99']:.2f}",
        f"{true['itl_p50']:.2f} / {true['itl_p99']:.2f}",
        f"{run['sent_per_s']:g}",
        f"{run['dispersion']:.2f}",
        f"{run['cpu_s_per_1000']:.2f}",
        f"{run['rss_mb']}",
        f"{run['start_s']:.1f}",
        f"{run['end_s']:.1f}",
    ]
    return head + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
