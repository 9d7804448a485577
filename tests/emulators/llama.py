"""A real model server for the tests: llama.cpp's own, from the PyPI package xllamacpp, serving the tiny random model.

`running_llama` starts it as a process of its own session on a free loopback port, one thread for the model, and ends
it with the block; should the tests die, the server sees its input close and ends itself. What the server counts about
itself is read from its /metrics: the outside witness of a run against it. Where xllamacpp or gguf cannot be imported
`LlamaUnavailable` says why.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
IMPORTED = "imported"
MODEL = "tiny"
# Four requests at once; each has the model's whole context.
SLOTS = 4


class LlamaUnavailable(RuntimeError):
    """xllamacpp or gguf cannot be imported on this platform; the message says why."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The server's own counters since its start. `prompt` is what it computed, without what its cache gave."""

    prompt: int
    cached: int
    predicted: int

    def since(self, before: Counted) -> Counted:
        return Counted(*(getattr(self, one.name) - getattr(before, one.name) for one in fields(self)))


@dataclass(slots=True)
class RunningLlama:
    url: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            body: bytes = answer.read()
        return body.decode()

    def metrics(self) -> dict[str, float]:
        """Without the prefix `llamacpp:`. Answered in turn with the work: every answer given before is counted."""
        lines = [line.split() for line in self.get("/metrics").splitlines() if line.startswith("llamacpp:")]
        return {name.removeprefix("llamacpp:"): float(value) for name, value in lines}

    def counted(self) -> Counted:
        metrics = self.metrics()
        names = ("prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total")
        return Counted(*(int(metrics[name]) for name in names))

    def cpu_s(self) -> float:
        """Processor time used so far, all threads (Linux)."""
        spent = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_llama() -> Iterator[RunningLlama]:
    """Raises LlamaUnavailable where it cannot be had, RuntimeError with its last words when it does not start."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.emulators.llama"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = _url(process, log)
            yield RunningLlama(url, process)
        finally:
            process.kill()
            process.communicate()


def _url(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    deadline = time.monotonic() + START_S
    told = _line(process, deadline)
    if told != IMPORTED:
        raise LlamaUnavailable(f"no llama.cpp server here: {told or _last_words(process, log)}")
    url = _line(process, deadline)
    if not url:
        raise RuntimeError(f"the llama.cpp server did not start: {_last_words(process, log)}")
    while True:
        try:
            with urllib.request.urlopen(url + "/health", timeout=5):
                return url
        except OSError as error:  # 503 while it loads
            if time.monotonic() > deadline or process.poll() is not None:
                why = f"{error}; {_last_words(process, log)}"
                raise RuntimeError(f"the llama.cpp server is not ready: {why}") from error
            time.sleep(0.05)


def _line(process: subprocess.Popen[bytes], deadline: float) -> str:
    """One line of the process's output; empty when none comes in time."""
    assert process.stdout is not None
    text = b""
    while not text.endswith(b"\n") and select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        piece = os.read(process.stdout.fileno(), 1)  # no buffer may take what the next line needs
        if not piece:
            break
        text += piece
    return text.decode().strip()


def _last_words(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    process.kill()
    code = process.wait()
    log.seek(0)
    return f"exit code {code}, {log.read()[-600:].decode(errors='replace').strip() or 'nothing was said'}"


def serve() -> None:
    """The process: tells that the imports worked, then the URL, and serves until its input closes."""
    try:
        import xllamacpp

        from tests.emulators.tiny_gguf import CONTEXT, write_tiny_gguf
    except (ImportError, OSError) as error:  # OSError: a library that the platform lacks
        print(f"{type(error).__name__}: {error}", flush=True)
        return
    print(IMPORTED, flush=True)
    settings = xllamacpp.CommonParams()
    settings.model_alias = {MODEL}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = SLOTS
    settings.n_ctx = SLOTS * CONTEXT
    settings.endpoint_metrics = True
    settings.use_jinja = True
    settings.warmup = False
    settings.cpuparams.n_threads = 1
    settings.cpuparams_batch.n_threads = 1
    with tempfile.TemporaryDirectory(prefix="llama-") as folder:
        settings.model.path = str(Path(folder) / "tiny.gguf")
        write_tiny_gguf(Path(folder) / "tiny.gguf")
        server = xllamacpp.Server(settings)  # has read the model when it returns
    print(server.listening_address, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # its threads do not end by themselves


if __name__ == "__main__":
    serve()
