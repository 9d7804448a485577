"""An S3 of one bucket that misbehaves as told: replies lost, refused, slow, cut short or damaged.

Speaks what the store's adapter uses of the protocol, and writes down what it was asked. A fault strikes the next
requests of its method; what matches no fault is served.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

Do = Literal["refuse", "store_and_drop", "drop", "hang", "truncate", "damage"]


@dataclass(slots=True)
class Fault:
    method: str
    do: Do = "refuse"
    status: int = 503
    code: str = "SlowDown"
    times: int = 1


@dataclass(slots=True)
class Held:
    body: bytes
    etag: str
    at_s: float


@dataclass(slots=True)
class FaultyS3:
    """`asked`: (method, key, headers in lower case). `may_list` False: a missing key is answered with 403."""

    url: str = ""
    may_list: bool = True
    page: int = 1000
    objects: dict[str, Held] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    let_go: threading.Event = field(default_factory=threading.Event)

    def plant(self, method: str, do: Do = "refuse", status: int = 503, code: str = "SlowDown", times: int = 1) -> None:
        self.faults.append(Fault(method, do, status, code, times))

    def count(self, method: str) -> int:
        return sum(one[0] == method for one in self.asked)

    def strike(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    state = FaultyS3()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.let_go.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FaultyS3

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `asked`."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        state, url = self.state, urlsplit(self.path)
        key = unquote(url.path).partition("/")[2].partition("/")[2]
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        with state.lock:
            state.asked.append((method, key, headers))
            fault = state.strike(method)
        if fault is not None and fault.do in ("drop", "hang"):
            if fault.do == "hang":
                state.let_go.wait(20)
            self.close_connection = True
            return
        if fault is not None and fault.do == "refuse":
            self._refuse(fault.status, fault.code)
            return
        with state.lock:
            self._act(method, key, headers, body, parse_qs(url.query, keep_blank_values=True), fault)

    def _act(
        self, method: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any], fault: Fault | None
    ) -> None:
        held = self.state.objects.get(key)
        if method == "DELETE":
            self.state.objects.pop(key, None)
            self._answer(204)
        elif method == "PUT":
            self._put(key, headers, body, held, fault)
        elif "list-type" in query:
            self._list(query)
        elif held is None:
            self._refuse(*((404, "NoSuchKey") if self.state.may_list else (403, "AccessDenied")))
        elif headers.get("if-none-match") == held.etag:
            self._answer(304, etag=held.etag, last_modified=formatdate(held.at_s, usegmt=True))
        else:
            self._get(held, fault)

    def _put(self, key: str, headers: dict[str, str], body: bytes, held: Held | None, fault: Fault | None) -> None:
        if base64.b64decode(headers["x-amz-checksum-crc32"]) != zlib.crc32(body).to_bytes(4, "big"):
            self._refuse(400, "BadDigest")
        elif headers.get("if-none-match") == "*" and held is not None:
            self._refuse(412, "PreconditionFailed")
        elif "if-match" in headers and held is None:
            self._refuse(404, "NoSuchKey")
        elif "if-match" in headers and held is not None and headers["if-match"] != held.etag:
            self._refuse(412, "PreconditionFailed")
        else:
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            self.state.objects[key] = Held(body, etag, time.time())
            if fault is not None and fault.do == "store_and_drop":
                self.close_connection = True
                return
            self._answer(200, etag=etag)

    def _get(self, held: Held, fault: Fault | None) -> None:
        body = held.body
        checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        if fault is not None and fault.do == "damage":
            body = bytes([body[0] ^ 1]) + body[1:]
        fields = {
            "etag": held.etag,
            "last_modified": formatdate(held.at_s, usegmt=True),
            "x_amz_checksum_crc32": checksum,
        }
        if fault is not None and fault.do == "truncate":
            self._answer(200, body[: len(body) // 2], length=len(body), **fields)
            self.close_connection = True
        else:
            self._answer(200, body, **fields)

    def _list(self, query: dict[str, Any]) -> None:
        if not self.state.may_list:
            self._refuse(403, "AccessDenied")
            return
        prefix, after = query["prefix"][0], query.get("continuation-token", [""])[0]
        keys = sorted(key for key in self.state.objects if key.startswith(prefix) and key > after)
        page, more = keys[: self.state.page], len(keys) > self.state.page
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.state.objects[key].body)}</Size>"
            f"<ETag>{self.state.objects[key].etag}</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        head = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        self._answer(200, f"<ListBucketResult>{head}{rows}</ListBucketResult>".encode())

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>planted</Message></Error>".encode())

    def _answer(self, status: int, body: bytes = b"", length: int | None = None, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
