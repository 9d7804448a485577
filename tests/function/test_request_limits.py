"""The limits of a request, and when its user is free again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from function.arrival import Row
from function.clock import SystemClock
from function.contract.spec import Timeouts
from function.request import Requester
from function.transport.keeping import PROOF_S
from function.transport.opening import open_transport
from tests.emulators.scripted_server import End, ScriptedServer, Send, Step, Wait, answer
from tests.function.made import performed, requester_on, spec_for
from tests.function.played import DONE, GOOD, MS, ROLE, STOP, USAGE, A, B, in_order, row_of, with_server
from tests.suites.transports import deaf_listener


class TestLimits:
    def test_no_connection(self) -> None:
        async def go(port: int) -> tuple[Row, Any]:
            spec = spec_for(f"http://127.0.0.1:{port}", timeouts=Timeouts(connect_s=0.1))
            requester = requester_on(open_transport(spec.target, SystemClock()), spec)
            row, warm = await performed(requester), await requester.warm()
            await asyncio.sleep(0)
            await requester.close()
            return row, warm

        with deaf_listener() as port:
            row, warm = asyncio.run(go(port))
        assert (row.status, row.error_kind) == ("timed_out", "connect_timeout")
        assert row.sent_ns is not None and row.end_ns is not None
        assert 100 * MS <= row.end_ns - row.sent_ns < 1_000 * MS
        assert warm.failure is not None and warm.failure.kind == "connect_timeout"

    KEEP_ALIVE = (b": keep-alive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n')

    @pytest.mark.parametrize(
        ("timeouts", "said", "kind"),
        [
            (Timeouts(first_token_s=0.15), [], "first_token_timeout"),
            (Timeouts(first_token_s=0.15), [ROLE], "first_token_timeout"),
            (Timeouts(idle_s=0.15), [ROLE, A], "idle_timeout"),
            (Timeouts(total_s=0.15), [ROLE, A], "total_timeout"),
            (Timeouts(total_s=0.15, first_token_s=5, idle_s=5), [], "total_timeout"),
            (Timeouts(idle_s=0.15, total_s=2), [], "idle_timeout"),
            (Timeouts(idle_s=0.15, first_token_s=0.3), [], "first_token_timeout"),
        ],
    )
    def test_keep_alives_do_not_hold_them_off_and_times_are_kept(
        self, timeouts: Timeouts, said: list[bytes], kind: str
    ) -> None:
        zombie = answer([*said, *self.KEEP_ALIVE * 25], gap=0.02)
        row = row_of(zombie, timeouts=timeouts)
        assert (row.status, row.error_kind, row.http_status) == ("timed_out", kind, 200)
        assert len(row.token_ns) == (A in said)
        assert row.error_message and in_order(row)
        assert row.sent_ns is not None and row.end_ns is not None
        since = (row.last_token_ns or row.first_byte_ns) if kind == "idle_timeout" else row.sent_ns
        assert since is not None
        limit_s = timeouts.total_s if kind == "total_timeout" else 0.15
        since -= 0 if row.token_ns or kind != "idle_timeout" else 30 * MS  # without a token it counts from the head
        assert limit_s is not None and limit_s * 1e9 <= row.end_ns - since < (limit_s + 0.25) * 1e9

    def test_before_the_head_too_and_the_connection_is_dropped(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> tuple[Row, bool]:
            row = await performed(requester)
            return row, await asyncio.to_thread(server.wait_for, lambda: server.open_connections == 0)

        row, dropped = with_server([], doing, timeouts=Timeouts(first_token_s=0.1))
        assert (row.error_kind, row.http_status, dropped) == ("first_token_timeout", None, True)

    def test_a_slow_answer_within_them_is_ok(self) -> None:
        limits = Timeouts(connect_s=0.5, first_token_s=0.5, idle_s=0.2, total_s=2)
        assert row_of(answer(GOOD, gap=0.06), timeouts=limits).status == "ok"

    def test_unstreamed_there_is_no_first_token_to_wait_for(self) -> None:
        body = json.dumps({"choices": [{"message": {"content": "hi"}}]}).encode()
        limits = Timeouts(first_token_s=0.05)
        assert row_of([Wait(0.15), *answer(body)], streaming=False, timeouts=limits).status == "ok"


class TestEnds:
    def timed(self, script: Sequence[Step], count: int = 1, rest: float = 0.0) -> tuple[list[Row], list[float], int]:
        async def doing(requester: Requester, server: ScriptedServer) -> Any:
            rows, took = [], []
            for index in range(count):
                start = time.monotonic()
                rows.append(await performed(requester, index))
                took.append(time.monotonic() - start)
                await asyncio.sleep(rest)
            return rows, took, server.accepted

        result: tuple[list[Row], list[float], int] = with_server(script, doing)
        return result

    def test_a_finished_answer_on_a_connection_left_open_is_ok_after_a_second(self) -> None:
        rows, took, accepted = self.timed(answer([A, B, STOP, USAGE], hold=3), 2)
        assert [row.status for row in rows] == ["ok", "ok"] and accepted == 2
        assert all(0.95 < seconds < 1.4 for seconds in took)
        row = rows[0]
        assert row.end_ns is not None and row.last_token_ns is not None
        assert row.end_ns - row.last_token_ns < 200 * MS, "the second spent waiting is no part of the answer"

    def test_after_done_the_user_is_free_at_once(self) -> None:
        rows, took, accepted = self.timed(answer(GOOD, hold=0.4), 2)
        assert [row.status for row in rows] == ["ok", "ok"] and accepted == 2
        assert all(seconds < 0.2 for seconds in took)

    def test_an_end_shortly_after_done_keeps_the_connection(self) -> None:
        rows, _, accepted = self.timed(answer(GOOD, hold=0.003), 4, rest=2 * PROOF_S)
        assert all(row.status == "ok" for row in rows)
        assert accepted <= 2

    def test_a_connection_that_ends_within_the_second_is_kept_though_nobody_waits(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> int:
            for index in range(3):
                await performed(requester, index)
                await asyncio.sleep(0.2)
            return server.accepted

        assert with_server(answer(GOOD, hold=0.1), doing) == 1

    def test_one_that_never_ends_is_hung_up_on(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> bool:
            await performed(requester)
            return await asyncio.to_thread(server.wait_for, lambda: server.open_connections == 0, 1.5)

        # A server that waits for its client to hang up: it reads on.
        assert with_server([step for step in answer(GOOD) if step != Send(b"0\r\n\r\n")], doing)

    def test_usage_after_done_is_taken(self) -> None:
        rows, took, _ = self.timed([*answer([A, B, STOP, DONE])[:-1], Wait(0.1), *answer([USAGE])[1:]])
        assert (rows[0].output_tokens, len(rows[0].token_ns)) == (2, 2)
        assert took[0] < 0.5

    def test_a_connection_that_breaks_after_the_end_spoils_nothing(self) -> None:
        rows, _, accepted = self.timed([*answer(GOOD)[:-1], End("reset")], 2)
        assert [row.status for row in rows] == ["ok", "ok"] and accepted == 2
