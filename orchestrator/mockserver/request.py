"""One HTTP request as it comes in: its head, its body, and when the first and the last byte of it were read."""

from __future__ import annotations

from urllib.parse import unquote

from orchestrator.mockserver.clock import boot_ns, wall_ns

_KEPT = {b"x-request-id", b"authorization", b"expect"}


class Request:
    """Filled in by the connection while bytes come; complete once `arrival_boot` is set.

    `number` and `fault` are given by the desk when the head is complete. `ready_boot` is when the server may take it
    up: its arrival, or later when its reading was held back.
    """

    __slots__ = (
        "_chunks",
        "_url",
        "arrival_boot",
        "arrival_wall",
        "body",
        "body_bytes",
        "connection",
        "fault",
        "first_byte_boot",
        "first_byte_wall",
        "head_bytes",
        "headers",
        "http_1_0",
        "keep_alive",
        "method",
        "number",
        "ready_boot",
        "route",
        "status",
    )

    def __init__(self, connection: int) -> None:
        self.connection = connection
        self.first_byte_boot, self.first_byte_wall = boot_ns(), wall_ns()
        self.arrival_boot = self.arrival_wall = self.ready_boot = 0
        self.method, self.route = "", ""
        self.keep_alive, self.http_1_0 = False, False
        self.headers: dict[bytes, bytes] = {}
        self.body, self.body_bytes, self.head_bytes = b"", 0, 0
        self.number: int | None = None
        self.fault: str | None = None
        self.status: int | None = None
        self._url = b""
        self._chunks: list[bytes] = []

    def add_url(self, piece: bytes) -> None:
        self._url += piece
        self.head_bytes += len(piece)

    def add_header(self, name: bytes, value: bytes) -> None:
        self.head_bytes += len(name) + len(value)
        name = name.lower()
        if name in _KEPT:
            self.headers[name] = value

    def add_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.body_bytes += len(chunk)

    def arrived(self) -> None:
        """Head and body are complete."""
        self.arrival_boot, self.arrival_wall = boot_ns(), wall_ns()
        self.ready_boot = max(self.ready_boot, self.arrival_boot)
        self.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []

    @property
    def path(self) -> str:
        """The path without its query, percent-decoded."""
        return unquote(self._url.partition(b"?")[0].decode("latin-1"))

    @property
    def request_id(self) -> str | None:
        value = self.headers.get(b"x-request-id")
        return None if value is None else value.decode("latin-1")

    @property
    def key(self) -> str:
        """What random decisions about this request hang on: which of its run it is, else its arrival number.

        `<run>-<n>` is request n whatever the run is called, so that the same plan meets the same server again.
        """
        number = (self.request_id or "").rpartition("-")[2]
        return number if number.isdecimal() else self.request_id or f"#{self.number}"
