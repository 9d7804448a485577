"""The embedded model server of a run: a process of its own, started before preflight, ended after the run.

It hangs on a pipe from this process. However that ends, the server notices and serves on for `linger_s`: as long as
workers without an orchestrator may still send and wait.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

from function.contract.errors import BenchctlError
from orchestrator.config.server import Server
from orchestrator.providers.child import PYTHON, finding_us

READY_S = 20.0
STOP_S = 3.0


class MockFailed(BenchctlError):
    """The embedded server did not come up."""

    code = "mock_failed"


def mock_settings(server: Server) -> dict[str, Any]:
    """`server.mock` in the words of the mock server's own config."""
    settings: dict[str, Any] = {}
    if server.model_name is not None:
        settings["model"] = server.model_name
    return settings if server.mock is None else settings | server.mock.settings()


class EmbeddedMock:
    """Starts at once; `url` waits until it serves. As a context manager it is stopped at the end."""

    def __init__(self, settings: dict[str, Any], linger_s: float) -> None:
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        ready_end, tell_end = os.pipe()
        hang_end, self._lifeline = os.pipe()
        ends = ("--ready-fd", str(tell_end), "--lifeline-fd", str(hang_end))
        try:
            self._process = subprocess.Popen(
                [*PYTHON, "orchestrator.mockserver", "--config-json", "-", *ends, "--linger", str(linger_s)],
                env=finding_us(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                pass_fds=(tell_end, hang_end),
                start_new_session=True,
            )
        finally:
            os.close(tell_end)
            os.close(hang_end)
        self._ready = ready_end
        self._url = ""
        self._left = False
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin:
            self._process.stdin.write(json.dumps(settings).encode())

    def url(self) -> str:
        """Where it serves. Raises MockFailed when it ends, or is not ready in time."""
        if self._ready >= 0:
            found, _, _ = select.select([self._ready], [], [], READY_S)
            self._url = os.read(self._ready, 1000).decode().strip() if found else ""
            os.close(self._ready)
            self._ready = -1
        if not self._url:
            raise MockFailed(f"the embedded model server did not start: {self._last_words()}", path="server.mock")
        return self._url

    def leave(self) -> None:
        """Let it serve on; it ends `linger_s` after this process."""
        self._left = True

    def __enter__(self) -> EmbeddedMock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._left:
            self._end()

    def _end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
                break
        os.close(self._lifeline)

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._words.seek(0)
        words = self._words.read()[-2000:].decode(errors="replace").strip()
        return words.splitlines()[-1] if words else f"not ready within {READY_S:g} s"
