"""The C truth server is the yardstick of docs/performance.md: its log must say what it did."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import numpy as np
import pytest

from benchmarks.truth_server import TruthServer, boot_ns, dispersion, read_truth, truth_server, why_not

needs_compiler = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
needs_tls = pytest.mark.skipif(why_not(tls=True) is not None, reason=str(why_not(tls=True)))
TTFT_S, ITL_S = 0.02, 0.002


def ask(server: TruthServer, number: int, tokens: int, stream: bool = True) -> bytes:
    """One request on a connection of its own; the whole answer."""
    body = json.dumps({"model": "m", "messages": [], "max_tokens": tokens, "stream": stream, "include_usage": 1})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: run-{number}\r\ncontent-length: {len(body)}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        connection: socket.socket = plain
        if server.certificate is not None:
            context = ssl.create_default_context(cafile=str(server.certificate))
            connection = context.wrap_socket(plain, server_hostname="127.0.0.1")
        connection.sendall(f"{head}\r\n\r\n{body}".encode())
        answer = b""
        while not (answer.endswith(b"0\r\n\r\n") if stream else answer.endswith(b"}}")):
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece
        return answer


def check(folder: Path, tls: bool) -> None:
    with truth_server(folder, tls=tls, ttft_s=TTFT_S, itl_s=ITL_S) as server:
        before = boot_ns()
        streamed = ask(server, 7, 5)
        between = boot_ns()
        whole = ask(server, 8, 3, stream=False)
    assert streamed.count(b'"content":" word"') == 5
    assert b"data: [DONE]" in streamed
    assert b'"completion_tokens":5' in streamed
    assert b"word word word" in whole
    truth = read_truth(server.log)
    assert truth.number.tolist() == [7, 8]
    assert truth.whole.all()
    assert [len(times) for times in truth.offsets] == [5, 1]
    assert before < truth.arrival_ns[0] < between < truth.arrival_ns[1]
    assert truth.ttft_ns.min() >= TTFT_S * 1e9
    assert truth.gaps_ns.sum() >= 4 * ITL_S * 1e9 * 0.99


@needs_compiler
def test_its_log_says_what_it_did(tmp_path: Path) -> None:
    check(tmp_path, tls=False)


@needs_tls
def test_with_tls_too(tmp_path: Path) -> None:
    check(tmp_path, tls=True)


@needs_compiler
def test_a_client_that_leaves_is_in_the_log_as_such(tmp_path: Path) -> None:
    with truth_server(tmp_path, ttft_s=0.0, itl_s=0.02) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(b'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{"stream":true}')
            assert connection.recv(100)
        ask(server, 1, 5)
    truth = read_truth(server.log)
    assert sorted(truth.whole.tolist()) == [False, True]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\0" * 64)
    with pytest.raises(ValueError, match="log"):
        read_truth(tmp_path / "log")


def test_dispersion_is_one_of_a_poisson_process_and_more_of_bursts() -> None:
    draw = np.random.default_rng(1)
    poisson = np.sort(draw.uniform(0, 100e9, 30_000)).astype(np.int64)
    assert dispersion(poisson, 100.0) == pytest.approx(1.0, abs=0.15)
    bursts = np.sort(draw.uniform(0, 100e9, 3_000)).astype(np.int64).repeat(10)
    assert (dispersion(bursts, 100.0) or 0) > 5
    assert (dispersion(np.arange(0, 100_000_000_000, 3_333_333), 100.0) or 0) < 0.1
