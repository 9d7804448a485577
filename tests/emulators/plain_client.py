"""A client of plain blocking sockets: what really came over the wire, and when. For judging servers, not for speed.

It knows just enough HTTP/1.1 to find the end of a response (length, chunked, or close) and keeps each piece as it was
received with the time right after its recv.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 20.0


@dataclass(slots=True)
class Reply:
    """`pieces` are (CLOCK_REALTIME ns, body bytes of that recv without chunk framing); `complete`: its end was seen."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    complete: bool = False
    sent_ns: int = 0
    head_ns: int = 0

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[str]:
        """The payloads of all `data:` lines."""
        lines = self.body.decode().split("\n")
        return [line[6:] for line in lines if line.startswith("data: ")]

    def chunks(self) -> list[dict[str, Any]]:
        """The JSON payloads."""
        return [json.loads(event) for event in self.events() if event != "[DONE]"]

    def token_ns(self) -> list[int]:
        """The receive time of each event that bears a token (any delta but the role's, or any text)."""
        found = []
        for at, piece in self.pieces:
            for line in piece.decode().split("\n"):
                if line.startswith("data: {") and '"token_ids":null}]' in line:
                    found.append(at)
        return found


class PlainClient:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def __enter__(self) -> PlainClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def post(self, body: Any, path: str = "/v1/chat/completions", **headers: str) -> Reply:
        self.send(body, path, **headers)
        return self.read()

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        self.raw(request_bytes(method, path, b"", headers))
        return self.read(bodiless=method == "HEAD")

    def send(self, body: Any, path: str = "/v1/chat/completions", **headers: str) -> int:
        """Sends without reading; returns the wall time just before."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = time.time_ns()
        self.raw(request_bytes("POST", path, raw, headers))
        return sent

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, bodiless: bool = False) -> Reply:
        """The next response, up to its end or the connection's."""
        reply = Reply()
        while b"\r\n\r\n" not in self._left:
            piece = self._recv()
            if not piece:
                return reply
            self._left += piece
        reply.head_ns = time.time_ns()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        reply.status = int(lines[0].split(" ")[1])
        reply.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        if bodiless or reply.status in (100, 204):
            reply.complete = True
        elif reply.headers.get("transfer-encoding") == "chunked":
            self._read_chunked(reply)
        else:
            self._read_plain(reply, int(reply.headers.get("content-length", "-1")))
        return reply

    def _recv(self) -> bytes:
        try:
            return self.sock.recv(65_536)
        except ConnectionResetError:
            return b""

    def _read_plain(self, reply: Reply, length: int) -> None:
        at, data = reply.head_ns, self._left
        self._left = b""
        while True:
            missing = length - len(reply.body) if length >= 0 else len(data)
            if data[:missing]:
                reply.pieces.append((at, data[:missing]))
            if length >= 0 and len(reply.body) == length:
                self._left = data[missing:]
                reply.complete = True
                return
            data = self._recv()
            at = time.time_ns()
            if not data:
                reply.complete = length < 0
                return

    def _read_chunked(self, reply: Reply) -> None:
        at, buffer = reply.head_ns, self._left
        self._left = b""
        while True:
            piece = b""
            while b"\r\n" in buffer:
                size_line, _, rest = buffer.partition(b"\r\n")
                size = int(size_line, 16)
                if len(rest) < size + 2:
                    break
                buffer = rest[size + 2 :]
                if size == 0:
                    reply.complete, self._left = True, buffer
                    break
                piece += rest[:size]
            if piece:
                reply.pieces.append((at, piece))
            if reply.complete:
                return
            data = self._recv()
            at = time.time_ns()
            if not data:
                return
            buffer += data


def request_bytes(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A request; keyword `x_request_id` becomes the header x-request-id."""
    lines = [f"{method} {path} HTTP/1.1", "host: mock"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat(tokens: int, stream: bool = True, content: str = "one two three", **more: Any) -> dict[str, Any]:
    """A chat request's body."""
    messages = [{"role": "user", "content": content}]
    return {"model": "m", "stream": stream, "max_tokens": tokens, "messages": messages, **more}
