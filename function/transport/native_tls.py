"""TLS over memory: what comes from the socket goes in, what must go to it comes out. The socket stays ours, and with it
the kernel's stamps. Certificates are checked by the context; a session is taken up again where the server allows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from function.transport.port import READ_BYTES


class TlsLayer:
    """`session` of an earlier connection with the same context saves the server's certificate and a round trip."""

    def __init__(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> None:
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._received, self._to_send, server_hostname=host, session=session)
        self.ended = False  # the other side says that nothing follows

    @property
    def session(self) -> ssl.SSLSession | None:
        """With the ticket, once the server has sent one: in TLS 1.3 with its first answer."""
        return self._object.session

    async def shake_hands(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        """Raises OSError, of which ssl.SSLError is one."""
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(loop, connection)
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush(loop, connection)  # the alert that says why
                raise
            else:
                return await self._flush(loop, connection)
            data = await loop.sock_recv(connection, READ_BYTES)
            if not data:
                raise ConnectionResetError("the server ended the connection")
            self._received.write(data)

    async def _flush(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        if self._to_send.pending:
            await loop.sock_sendall(connection, self._to_send.read())

    def encrypt(self, data: bytes) -> bytes:
        """Raises ssl.SSLError."""
        view = memoryview(data)
        while view:
            view = view[self._object.write(view) :]
        return self._to_send.read()

    def decrypt(self, data: bytes) -> bytes:
        """What of it can be read now; b"" while a record is not whole. Raises ssl.SSLError."""
        self._received.write(data)
        pieces: list[bytes] = []
        try:
            while piece := self._object.read(READ_BYTES):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.ended = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def answers(self) -> bytes:
        """What reading has made necessary to send: new keys, an alert."""
        return self._to_send.read() if self._to_send.pending else b""
