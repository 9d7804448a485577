"""One planned request, from its body to its row. What the loops call; the hot path of a worker.

Every way a request can go is a Row with a status and a kind: `begin` raises nothing, whatever the endpoint does. It
decides neither when to send nor whether: it asks the permit in the same synchronous stretch as the stamp of sending.
No task stands behind a request whose connection is at hand: what comes of it is told by the calls that read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from function.alarm import Alarm
from function.answer import Answer, Verdict, judge
from function.arrival import Arrival, Row
from function.call import Asked, Call
from function.clock import Clock
from function.contract.record import TIMED_OUT_KINDS
from function.contract.spec import ShardSpec, Timeouts
from function.dialects import DIALECTS
from function.error_text import shorten
from function.prompts import BodyTemplate, instructions
from function.rounds import Rounds
from function.secret import secret_texts
from function.transport.head import RequestHead, field, parse_endpoint
from function.transport.port import Failure, Stamping, Transport, WarmUp
from function.unspoken import Unspoken
from function.usage import Usage

_NO_BODY = Answer(finished=False, spoke=False, fault=("truncated", "the answer has no body"))


class Requester:
    """Sends one shard's requests to its target. `secrets` maps header names to their whole values.

    `origin_ns`: the clock's reading at the run's t0, set by the caller once known; times in rows count from it.
    Raises UsageError for a target that cannot be used.
    """

    def __init__(
        self,
        spec: ShardSpec,
        texts: Sequence[bytes],
        secrets: Mapping[str, str],
        transport: Transport,
        clock: Clock,
    ) -> None:
        target = spec.target
        dialect = DIALECTS[target.api]
        endpoint = parse_endpoint(target.root)
        self.origin_ns = 0
        self._run_id = spec.run_id
        self._models = spec.models
        self._transport = transport
        self._clock = clock
        self._body = BodyTemplate(target, spec.models, dialect, texts)
        self._quotes = spec.history == "received"
        self._session_header = target.session_header
        self._asked = Asked(
            dialect, self._body.streaming, self._body.choices, self._body.wants_usage, target.timeouts, self._quotes
        )
        headers = {**target.headers, **secrets, **transport.proxy_headers}
        self._head = RequestHead(endpoint, dialect.path, headers, transport.absolute_form)
        self._unspoken = Unspoken((*secrets.values(), *_without_prefix(spec, secrets), *secret_texts(spec.target)))
        self._rounds: Rounds | None = None  # made with the first request, which comes in the running loop
        self._refused = None
        if not endpoint.allowed_by(target.allowed):
            self._refused = Failure("target_refused", f"{endpoint.host_port} is not on this worker's list of targets")

    @property
    def stamping(self) -> Stamping:
        return self._transport.stamping

    async def warm(self, connections: int = 1) -> WarmUp:
        """Name, connection and TLS, without a request. A failure is a value."""
        if self._refused is not None:
            return WarmUp(0, failure=self._refused)
        try:
            async with asyncio.timeout(self._asked.timeouts.connect_s):
                return await self._transport.warm(connections)
        except TimeoutError:
            return WarmUp(0, failure=Failure("connect_timeout", _limit_text("connect_timeout", self._asked.timeouts)))

    def heed(self, alarm: Alarm) -> None:
        self._transport.heed(alarm)

    def prepare(self, arrival: Arrival, before: bytes = b"") -> bytes:
        """The body, to be built before it is due; `before`: what its session has said so far. Raises ContractError
        where the pieces make no prompt."""
        return self._body.render(arrival, before)

    def remember(self, arrival: Arrival, before: bytes, row: Row) -> bytes:
        """What the session has said once this turn has ended as the row says: recorded turns follow on each other,
        whatever the server answers. Else an exchange that failed never was, but for the instructions before it.
        """
        if not self._quotes:
            return self._body.said(arrival.pieces, before)
        if row.status != "ok":
            return self._body.said(instructions(arrival.pieces), before)
        return self._body.said(arrival.pieces, before, row.content)

    def begin(
        self, arrival: Arrival, body: bytes, permit: Callable[[], str | None], ended: Callable[[Request], None]
    ) -> Request:
        """Sends one request, within this call where a connection is at hand. `ended` is called once, later, when its
        user is free again: at the body's end, 10 ms after [DONE], or 1 s after the answer's end. Where the permit is
        refused nothing is sent.
        """
        request = Request(self, arrival, len(body), ended)
        request_bytes = self._render(arrival, len(body)) + body
        refused = Verdict("failed", *self._refused) if self._refused is not None else None
        if refused is None and (kind := permit()) is not None:
            refused = Verdict("aborted", kind)
        if refused is not None:
            request.refused = refused
            asyncio.get_running_loop().call_soon(request.end)
            return request
        if self._rounds is None:
            self._rounds = Rounds()
        request.call = Call(self._asked, self._clock, self._rounds, request.end)
        request.call.start(self._transport, request_bytes, permit)
        return request

    def _render(self, arrival: Arrival, length: int) -> bytes:
        more = b""
        if self._session_header is not None and arrival.session is not None:
            more = field(self._session_header, f"{self._run_id}-{arrival.session}")
        return self._head.render(f"{self._run_id}-{arrival.request_index}", length, more)

    def row(self, request: Request) -> Row:
        """What it has come to."""
        arrival, call = request.arrival, request.call
        if call is None:
            assert request.refused is not None
            return self._row(arrival, request.refused)
        answer = call.reader.answer() if call.reader is not None else None
        aborted = Verdict("aborted", call.refusal) if call.refusal is not None else request.refused
        verdict = aborted or self._verdict(call, answer, arrival)
        return self._row(arrival, verdict, call, answer or _NO_BODY, request.body_bytes)

    async def close(self) -> None:
        await self._transport.close()

    def _verdict(self, call: Call, answer: Answer | None, arrival: Arrival) -> Verdict:
        if call.expired is not None:
            return Verdict("timed_out", call.expired, _limit_text(call.expired, self._asked.timeouts))
        if call.status is not None and not 200 <= call.status < 300:
            message = (answer.error if answer else None) or (f"to {call.location}" if call.location else None)
            return Verdict("failed", f"http_{call.status}", message)
        lost = call.failure or Failure("connection_lost", "the connection ended")
        why = Verdict("timed_out" if lost.kind in TIMED_OUT_KINDS else "failed", *lost)
        if call.status is None or (answer is None and call.ending == "lost"):
            return why
        return judge(answer or _NO_BODY, call.ending, why, self._body.asked_tokens(arrival))

    def _row(
        self,
        arrival: Arrival,
        verdict: Verdict,
        call: Call | None = None,
        answer: Answer = _NO_BODY,
        request_bytes: int | None = None,
    ) -> Row:
        status, kind, message = verdict
        if call is not None and status == "aborted" and not call.written:
            call = request_bytes = None  # the endpoint never heard of it
        usage = answer.usage or Usage()
        since = self._since
        return Row(
            request_index=arrival.request_index,
            row=arrival.row,
            stage=arrival.stage,
            scheduled_ns=arrival.scheduled_ns,
            eligible_ns=arrival.eligible_ns,
            status=status,
            sent_ns=since(call.sent_ns) if call else None,
            first_byte_ns=since(call.first_byte_ns) if call else None,
            first_token_ns=since(answer.token_ns[0]) if answer.token_ns else None,
            first_content_token_ns=since(answer.first_content_ns),
            last_token_ns=since(answer.last_token_ns),
            end_ns=since(max(call.end_ns or 0, call.first_byte_ns or 0, answer.last_token_ns or 0)) if call else None,
            http_status=call.status if call else None,
            error_kind=kind,
            error_message=self._speakable(message),
            prompt_tokens=usage.prompt,
            output_tokens=usage.output,
            cached_tokens=usage.cached,
            reasoning_tokens=usage.reasoning,
            request_bytes=request_bytes,
            response_bytes=call.received if call and call.status is not None else None,
            connection_reused=call.reused if call else None,
            connect_ns=call.connect_ns if call else None,
            events=answer.events,
            malformed_events=answer.malformed if answer.events is not None else None,
            finish_reason=answer.finish_reason,
            asked_tokens=self._body.asked_tokens(arrival),
            session_id=arrival.session,
            model=self._models[arrival.model],
            output_text=self._unspoken.out_of(answer.text) if status == "ok" and usage.output is None else None,
            token_ns=tuple([stamp - self.origin_ns for stamp in answer.token_ns]),
            content=answer.content if self._quotes else "",
        )

    def _since(self, stamp_ns: int | None) -> int | None:
        return None if stamp_ns is None else stamp_ns - self.origin_ns

    def _speakable(self, message: str | None) -> str | None:
        return None if message is None else shorten(self._unspoken.out_of(message))


def _without_prefix(spec: ShardSpec, secrets: Mapping[str, str]) -> list[str]:
    refs = spec.target.secret_headers
    return [value.removeprefix(refs[name].prefix) for name, value in secrets.items() if name in refs]


class Request:
    """One request in the air: function.flight.Airborne."""

    def __init__(
        self, requester: Requester, arrival: Arrival, body_bytes: int, ended: Callable[[Request], None]
    ) -> None:
        self.arrival = arrival
        self.body_bytes = body_bytes
        self.refused: Verdict | None = None  # why it was not sent, or given up
        self.call: Call | None = None
        self._requester = requester
        self._ended = ended

    def cancel(self, kind: str) -> None:
        if self.call is not None:
            if not self.call.over:
                self.refused = Verdict("aborted", kind)
            self.call.give_up()

    def row(self) -> Row:
        return self._requester.row(self)

    def end(self) -> None:
        self._ended(self)


def _limit_text(kind: str, timeouts: Timeouts) -> str:
    return {
        "connect_timeout": f"no connection within {timeouts.connect_s} s",
        "first_token_timeout": f"no token within {timeouts.first_token_s} s of sending",
        "idle_timeout": f"no event of the answer for {timeouts.idle_s} s",
        "total_timeout": f"not answered within {timeouts.total_s} s of sending",
    }[kind]
