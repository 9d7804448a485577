"""One execution environment: a real process of the runtime client, and the Runtime API that it alone talks to.

It knows nothing of functions, limits or queues: it is given a command, an environment and events, one at a time. The
Runtime API's paths and headers: AWS Lambda's developer guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiohttp import web

_API = "/2018-06-01/runtime"
_OUTCOME = re.compile(_API + r"/invocation/([^/]+)/(response|error)")
_LOG_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Ran:
    """How one invocation ended. `body`: the handler's answer, else the error as Lambda words it."""

    kind: Literal["response", "error", "exit", "timeout", "init"]
    body: bytes

    @property
    def ok(self) -> bool:
        return self.kind == "response"


@dataclass(slots=True)
class _Current:
    request_id: str
    body: bytes
    deadline_ms: int
    arn: str
    ended: asyncio.Future[Ran]


class Sandbox:
    """`home`: its /tmp, deleted with it. `freeze`: stop the process between invocations, as Lambda does."""

    def __init__(self, home: Path, freeze: bool, log: Callable[[bytes], None]) -> None:
        self.id = uuid.uuid4().hex
        self.init_error: bytes | None = None
        self.invocations = 0
        self._home = home
        self._freeze = freeze
        self._log = log
        self._frozen = False
        self._ready = asyncio.Event()
        self._dead = asyncio.Event()
        self._next: asyncio.Queue[_Current | None] = asyncio.Queue()
        self._current: _Current | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._server: asyncio.Server | None = None

    async def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(web.Server(self._handle, access_log=None), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        api = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "TMPDIR": str(self._home), "HOME": str(self._home)}
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**environment, **api},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LOG_LIMIT,
        )
        self._tasks = [asyncio.create_task(self._read_log()), asyncio.create_task(self._await_end())]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._dead.is_set()

    async def initialised(self, limit_s: float) -> Ran | None:
        """None once it asks for its first event; how its init failed otherwise."""
        try:
            await asyncio.wait_for(self._ready.wait(), limit_s)
        except TimeoutError:
            await self.kill()
            return Ran("init", _error("Sandbox.Timedout", f"Init timed out after {limit_s:.2f} seconds"))
        if self.init_error is not None:
            await self.kill()
            return Ran("init", self.init_error)
        if not self.alive:
            return Ran("init", _error("Runtime.ExitError", "Runtime exited during init"))
        return None

    async def invoke(self, request_id: str, body: bytes, arn: str, told_s: float, limit_s: float) -> Ran:
        """Ends with its answer, its process, or at the limit, which kills it. It is told of a limit of `told_s`."""
        ended: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
        self._current = _Current(request_id, body, int((time.time() + told_s) * 1000), arn, ended)
        self.invocations += 1
        self._thaw()
        self._next.put_nowait(self._current)
        try:
            return await asyncio.wait_for(asyncio.shield(ended), limit_s)
        except TimeoutError:
            await self.kill()
            words = f"RequestId: {request_id} Error: Task timed out after {limit_s:.2f} seconds"
            return Ran("timeout", _error("Sandbox.Timedout", words))
        finally:
            self._current = None

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._dead.wait()

    async def close(self) -> None:
        await self.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._home, ignore_errors=True)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == f"{_API}/invocation/next":
            return await self._give()
        body = await request.read()
        if request.path == f"{_API}/init/error":
            self.init_error = body
            self._ready.set()
            return web.json_response({"status": "OK"}, status=202)
        found = _OUTCOME.fullmatch(request.path)
        if found is None:
            return web.Response(status=404)
        current = self._current
        if current is not None and current.request_id == found[1] and not current.ended.done():
            current.ended.set_result(Ran("response" if found[2] == "response" else "error", body))
        return web.json_response({"status": "OK"}, status=202)

    async def _give(self) -> web.Response:
        self._ready.set()
        if self._freeze and self.invocations and self._next.empty():
            self._frozen = True
            os.killpg(self.pid, signal.SIGSTOP)
        event = await self._next.get()
        if event is None:
            return web.Response(status=410)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            "Content-Type": "application/json",
        }
        return web.Response(body=event.body, headers=headers)

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGCONT)

    async def _read_log(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._log(line)

    async def _await_end(self) -> None:
        assert self._process is not None and self._server is not None
        code = await self._process.wait()
        self._dead.set()
        self._ready.set()
        self._server.close()
        self._next.put_nowait(None)  # its question for the next event may still be open
        current = self._current
        if current is not None and not current.ended.done():
            how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            words = f"RequestId: {current.request_id} Error: Runtime exited with error: {how}"
            current.ended.set_result(Ran("exit", _error("Runtime.ExitError", words)))


def _error(kind: str, words: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": words}).encode()
