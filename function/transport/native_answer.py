"""One answer after the other out of a connection's bytes: the door to httptools, whose llhttp parses HTTP/1.1.

Sans-IO: bytes of one read in, body bytes of that read out, and what is known of the answer in fields. Knows framing,
interim answers, trailers, the limit of a head, and bytes that follow a whole answer. Refuses to know sockets and time.
It is as lenient as the other transports (which parse with llhttp too), so that all of them give the same records.
"""

from __future__ import annotations

from collections.abc import Sequence

import httptools

from function.transport.port import LINE_LIMIT

HEAD_LIMIT = LINE_LIMIT * 4  # bytes before the end of a head, with the interim answers before it
SHORT = 2048  # bytes of a read that can be known as one chunk without the parser
_LEAST = 8  # of a chunk's content, so that its size line is shorter
_CRLF = b"\r\n"


def _frames() -> list[tuple[tuple[bytes, ...], int]]:
    """By the length of a read that is one whole chunk: the size lines it can begin with, and where its content does."""
    frames: list[tuple[tuple[bytes, ...], int]] = [((), 0)] * SHORT
    for size in range(_LEAST, SHORT):
        lines = {b"%x\r\n" % size, b"%X\r\n" % size}
        start = len(min(lines))
        if start + size + 2 < SHORT:
            frames[start + size + 2] = (tuple(sorted(lines)), start)
    return frames


_FRAMES = _frames()


class AnswerParser:
    """`status` and `headers` (names in lower case, the first of a name counts) once the final head is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # called by the parser; a Python frame for each piece would cost more
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.begin()

    def begin(self) -> None:
        """The next answer's bytes come now."""
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.whole = False
        self.stray = False  # something followed the whole answer
        self.fault: str | None = None  # why this is no HTTP/1.1
        self.keeps_alive = False  # known once it is whole
        self._interim = False
        self._chunked = False
        self._between = False  # the next byte begins a chunk, for certain
        self._head_bytes = 0
        self._whole_pieces = 0

    def close(self) -> None:
        """The parser and this object hold each other, and nobody collects cycles during a run."""
        del self._parser, self.on_body

    def feed(self, data: bytes) -> bytes:
        """Body bytes that this read brought. Raises nothing: look at `fault`, `whole` and `stray`."""
        heading = self.status is None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fault = self.fault or "the server switched to another protocol"
        except httptools.HttpParserError as error:
            if self.whole:
                self.stray = True
            else:
                self.fault = self.fault or str(error) or type(error).__name__
        if heading:
            self._head_bytes += len(data)
            if self.status is None and self._head_bytes > HEAD_LIMIT:
                self.fault = self.fault or f"a head of more than {HEAD_LIMIT >> 10} KiB"
        self._between = False
        pieces = self._pieces
        if not pieces or self.status is None:  # a body without a head: it is a fault already
            return b""
        if self.whole:
            del pieces[self._whole_pieces :]
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._between = len(pieces) == 1 and self._chunked and _is_one_chunk(data, body)
        pieces.clear()
        return body

    def feed_all(self, reads: Sequence[bytes]) -> list[bytes]:
        """Body bytes of each of the reads, up to one that makes the answer whole or faulty.

        A read that is exactly one chunk, as nearly all of a token stream are, changes nothing in the parser where that
        stands between chunks; so it need not see it.
        """
        bodies: list[bytes] = []
        for data in reads:
            if self._between and len(data) < SHORT:
                lines, start = _FRAMES[len(data)]
                if data.startswith(lines) and data[-2:] == _CRLF:
                    bodies.append(data[start:-2])
                    continue
            bodies.append(self.feed(data))
            if self.whole or self.fault is not None:
                break
        return bodies

    @property
    def ends_with_connection(self) -> bool:
        """The head names no other end of the body (RFC 9112, section 6.3)."""
        return self.status is not None and not self.whole and not self._chunked and "content-length" not in self.headers

    def on_message_begin(self) -> None:
        self.stray = self.stray or self.whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status is not None:
            return  # a trailer, or what follows the answer
        if len(name) > LINE_LIMIT or len(value) > LINE_LIMIT:
            self.fault = f"a header of more than {LINE_LIMIT >> 10} KiB"
        if b"\0" in value:
            self.fault = "a header with a NUL in it"
        key = name.decode("utf-8", "surrogateescape").lower()
        self.headers.setdefault(key, value.decode("utf-8", "surrogateescape"))
        if key == "transfer-encoding":
            self._chunked = value.rstrip().lower().endswith(b"chunked")

    def on_headers_complete(self) -> None:
        if self.whole:
            return
        status = self._parser.get_status_code()
        if status == 101:
            self.fault = "the server switched to another protocol"
        elif status < 100:
            self.fault = f"the status {status}"
        elif status < 200:
            self._interim = True
        elif self.fault is None:
            self.status = status

    def on_message_complete(self) -> None:
        if self.whole or self.fault is not None:
            return
        if self._interim:
            self._interim, self.headers, self._chunked = False, {}, False
            return
        self.whole = True
        self.keeps_alive = self._parser.should_keep_alive()
        self._whole_pieces = len(self._pieces)


def _is_one_chunk(data: bytes, body: bytes) -> bool:
    """Whether a read, of which the parser made this one piece, is one whole chunk. It is not where the parser came to
    it inside a chunk whose rest equals what would be its content: then the content would begin with the size line.
    """
    if len(data) >= SHORT:
        return False
    lines, start = _FRAMES[len(data)]
    whole = data.startswith(lines) and data.endswith(_CRLF) and body == data[start:-2]
    return whole and not body.startswith(data[:start])
