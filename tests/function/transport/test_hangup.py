"""What the kernel knows of the other side."""

from __future__ import annotations

import select
import socket
import struct

import pytest

from function.transport.hangup import has_hung_up


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mine = socket.create_connection(listener.getsockname())
        return mine, listener.accept()[0]


def test_an_open_one_has_not_though_bytes_wait_to_be_read() -> None:
    mine, peer = pair()
    with mine, peer:
        assert not has_hung_up(mine)
        peer.send(b"unread")
        assert select.select([mine], [], [], 5)[0]
        assert not has_hung_up(mine)


@pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="the platform does not tell")
def test_a_half_that_was_closed_counts_though_bytes_wait_before_it() -> None:
    mine, peer = pair()
    with mine, peer:
        peer.send(b"unread")
        peer.shutdown(socket.SHUT_WR)
        assert select.select([mine], [], [], 5)[0]
        assert has_hung_up(mine)


def test_a_reset_counts() -> None:
    mine, peer = pair()
    with mine:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        assert select.select([mine], [], [], 5)[0]
        assert has_hung_up(mine)
