"""AWS as a test plays it: each call is answered by what the test has put down for its name, on loopback, by HTTP.

Unlike the emulated cloud it knows nothing of how AWS behaves; it is for what a client makes of one answer.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_FUNCTION = re.compile(r"/20\d\d-\d\d-\d\d/functions/([^/]+)/?(.*)")


@dataclass(frozen=True)
class Call:
    name: str  # Invoke, ReceiveMessage, GET /2015-03-31/..., GetCallerIdentity
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """`cut`: the line is cut after the call was taken."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def refused(code: str, status: int, message: str = "no") -> Reply:
    """In the form of the JSON protocols."""
    return Reply({"__type": code, "message": message, "Message": message}, status, {"x-amzn-ErrorType": code})


Answer = Callable[[Call], Reply]


class PlayedAws:
    """`answers` by the call's name; what has none is refused as unknown. `calls` are in the order they came."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[Call] = []
        self.url = ""
        self._lock = threading.Lock()

    def script(self, name: str, *replies: Reply) -> None:
        """One after the other; the last one again and again."""
        left = list(replies)

        def answer(_: Call) -> Reply:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answers[name] = answer

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def take(self, call: Call) -> Reply:
        with self._lock:
            self.calls.append(call)
            answer = self.answers.get(call.name)
            return refused("UnknownOperation", 400, call.name) if answer is None else answer(call)

    def environment(self) -> dict[str, str]:
        """For the process under test."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "played",
            "AWS_SECRET_ACCESS_KEY": "played",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def played_aws() -> Iterator[PlayedAws]:
    played = PlayedAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = played.take(Call(_name(self.command, self.path, headers, body), self.path, headers, body))
            if reply.cut:
                self.close_connection = True
                self.connection.close()
                return
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body or {}).encode()
            with suppress(ConnectionError):  # the caller has gone: a long poll was given up
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(raw)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return  # the caller cut the line, which is its business

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    played.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _name(method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    action = re.search(rb"(?:^|&)Action=(\w+)", body)
    if action:
        return action[1].decode()
    function = _FUNCTION.match(path.partition("?")[0])
    if function and function[2] == "invocations":
        return "Invoke"
    operation = path.rpartition("/operation/")[2] if "/operation/" in path else ""
    return operation or f"{method} {path.partition('?')[0]}"
