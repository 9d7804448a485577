"""A local AWS on loopback: ministack, which checks signatures and enforces IAM and bucket policies.

It runs as a process of its own from packages of its own. Its root credentials are test/test; the account is
000000000000.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.emulators.installed import NotInstalled, installed

ACCOUNT = "000000000000"
REGION = "us-east-1"
START_S = 30.0
# On AWS a service that assumes a role says for which account; ministack's services come as root and say nothing.
# Its standard input is a lifeline: it ends with whoever started it, however that ended.
_PROGRAM = """
import dataclasses, os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from ministack.core import iam_evaluator

evaluate = iam_evaluator.evaluate_trust_policy

def evaluate_trust_policy(document, caller, context=None):
    if context is not None and caller.endswith(":root"):
        known = {**context.service_context, "aws:sourceaccount": caller.split(":")[4]}
        context = dataclasses.replace(context, service_context=known)
    return evaluate(document, caller, context)

iam_evaluator.evaluate_trust_policy = evaluate_trust_policy
from ministack.app import main
main()
"""
_TRIES = 3  # another process may take the port between our look and its bind


class MinistackUnavailable(Exception):
    """It cannot be installed or started here; says why."""


@dataclass(slots=True)
class RunningMinistack:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def environment(self) -> dict[str, str]:
        """What an SDK needs to reach it as root."""
        return root_environment(self.url)

    def words(self) -> str:
        return self.log.read_text(errors="replace")


def root_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def running_ministack(*, auth: bool = True, extra: Mapping[str, str] | None = None) -> Iterator[RunningMinistack]:
    """Raises MinistackUnavailable. `extra`: variables for its process."""
    with tempfile.TemporaryDirectory(prefix="ministack-") as scratch:
        server = _start(Path(scratch), auth, extra or {})
        try:
            yield server
        finally:
            _stop(server.process)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _start(scratch: Path, auth: bool, extra: Mapping[str, str]) -> RunningMinistack:
    try:
        packages = installed("ministack")
    except NotInstalled as error:
        raise MinistackUnavailable(str(error)) from error
    for _ in range(_TRIES):
        server = _launch(packages, scratch, auth, extra)
        if _is_up(server):
            return server
        _stop(server.process)
    raise MinistackUnavailable(f"ministack did not start: {server.words()[-800:]}")


def _launch(packages: Path, scratch: Path, auth: bool, extra: Mapping[str, str]) -> RunningMinistack:
    port = free_port()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(packages),
        "TMPDIR": str(scratch),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true" if auth else "false",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        **extra,
    }
    log = scratch / "ministack.log"
    with open(log, "ab") as words:
        process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-c", _PROGRAM],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    scheme = "https" if environment.get("USE_SSL") == "1" else "http"
    return RunningMinistack(f"{scheme}://127.0.0.1:{port}", process, log)


def _is_up(server: RunningMinistack) -> bool:
    """It answers on its port: for TLS, that the port is open has to do."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError):
            if server.url.startswith("https"):
                socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
                return True
            with urllib.request.urlopen(f"{server.url}/_ministack/health", timeout=2):
                return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    if process.stdin is not None:
        process.stdin.close()
