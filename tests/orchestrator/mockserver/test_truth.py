"""The log: lines come back as they went in, large bodies too, and a line that cannot be written is not kept quiet."""

from __future__ import annotations

import asyncio
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from orchestrator.mockserver.request import Request
from orchestrator.mockserver.truth import HASHED_AT_ONCE, AnswerPart, TruthLog, read_truth, record_of


def request(body: bytes = b"", request_id: str = "run-7") -> Request:
    made = Request(3)
    made.method = "POST"
    made.add_url(b"/v1/completions?x=1")
    made.add_header(b"X-Request-ID", request_id.encode())
    made.add_body(body)
    made.arrived()
    return made


def write(path: Path, bodies: list[bytes], with_bodies: bool = False) -> None:
    async def main() -> None:
        log = TruthLog(path, with_bodies)
        log.start(asyncio.get_running_loop())
        for body in bodies:
            made = request(body)
            log.add(record_of(made, "done", made.arrival_boot + 9), made.body)
        log.close()

    asyncio.run(main())


def test_a_record_comes_back(tmp_path: Path) -> None:
    made = request(b"{}")
    made.number, made.status, made.fault = 5, 200, "stall"
    part = AnswerPart(
        stream=True,
        model="m",
        prompt_tokens=3,
        cached_tokens=1,
        asked_tokens=2,
        output_tokens=2,
        queue_ns=4,
        token_offset_ns=[10, 20],
    )
    record = record_of(made, "done", made.arrival_boot + 30, part)
    assert (record.arrival, record.id, record.connection, record.path) == (5, "run-7", 3, "/v1/completions")
    assert (record.end_offset_ns, record.token_offset_ns) == (30, [10, 20])
    assert record.token_wall_ns() == [made.arrival_wall + 10, made.arrival_wall + 20]
    assert record.first_byte_boot_ns <= (record.arrival_boot_ns or 0)
    assert abs((record.arrival_ns or 0) - time.time_ns()) < 10**9


def test_lines_bodies_and_digests(tmp_path: Path) -> None:
    path = tmp_path / "log"
    bodies = [b"", b"small \xff", b"x" * (HASHED_AT_ONCE + 1)]
    write(path, bodies, with_bodies=True)
    records = sorted(read_truth(path), key=lambda record: record.body_bytes)
    assert [record.body_bytes for record in records] == [len(body) for body in bodies]
    assert [record.body_sha256 for record in records] == [None, *(sha256(body).hexdigest() for body in bodies[1:])]
    assert [record.body for record in records] == [None, "small �", bodies[2].decode()]
    write(path, bodies)
    assert [record.body for record in read_truth(path)] == [None] * 3


def test_a_line_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write(path, [b"a", b"b"])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert len(read_truth(path)) == whole[:cut].count(b"\n")


def test_it_is_flushed_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def main() -> int:
        log = TruthLog(path)
        log.start(asyncio.get_running_loop())
        made = request(b"a")
        log.add(record_of(made, "done", made.arrival_boot), made.body)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if read_truth(path):
                break
        found = len(read_truth(path))
        log.close()
        return found

    begun = time.monotonic()
    assert asyncio.run(main()) == 1
    assert time.monotonic() - begun < 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_told_at_the_close() -> None:
    with pytest.raises(OSError, match="No space left"):
        write(Path("/dev/full"), [b"a"])


def test_a_log_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TruthLog(tmp_path / "missing" / "log")
