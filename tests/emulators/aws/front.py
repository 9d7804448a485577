"""The emulated cloud's one address: invocations go to our Lambda, everything else to the upstream AWS, faults between.

What is sent on is unchanged, so that the upstream checks the caller's own signature and rights. It is told that the
caller came over TLS, which the bucket's policy asks for; a caller that goes to the upstream directly did not.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

from tests.emulators.aws.control_plane import ControlPlane, FunctionVersion, NoSuchFunction, event_of
from tests.emulators.aws.event_queue import EventQueue
from tests.emulators.aws.faults import Call, FaultPlan
from tests.emulators.aws.lambda_service import LambdaService, Throttled

ACCEPT_PATH = "/_front/accepted"  # where the upstream sends an invocation that it found allowed
_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_LAMBDA = re.compile(r"/20\d\d-\d\d-\d\d/(functions|event-source-mappings|layers|tags)(/|$)")
_ACCOUNT = re.compile(r"/20\d\d-\d\d-\d\d/account-settings/?")
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_HOP = {"connection", "content-encoding", "content-length", "expect", "keep-alive", "transfer-encoding"}
_MOST_EVENT, _MOST_REQUEST = 1 << 20, 6_291_556  # bytes, asynchronous and synchronous


@dataclass(slots=True)
class Front:
    upstream: str
    plane: ControlPlane
    service: LambdaService
    queue: EventQueue
    plan: FaultPlan
    http: aiohttp.ClientSession

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == ACCEPT_PATH:
            return web.json_response({})
        body = await request.read()
        found = _INVOKE.fullmatch(request.path)
        if found is not None and request.method == "POST":
            return await self._invoke(request, unquote(found[1]), body)
        key, _, service = _scope(request)
        call = Call(service, request.method, unquote(request.path), self.service.shards.get(key))
        fault = self.plan.strike_service(call)
        if fault is not None and not fault.after:
            return _fault_answer(request, fault.status, fault.code)
        answer = await self._forward(request, body)
        if fault is not None:
            return _fault_answer(request, fault.status, fault.code)
        if _LAMBDA.match(request.path) and request.method != "GET":
            self.plane.forget()
            await self.service.retire()
        return self._limited(answer) if _ACCOUNT.fullmatch(request.path) else answer

    async def _invoke(self, request: web.Request, name: str, body: bytes) -> web.Response:
        request_id = str(uuid.uuid4())
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        most = _MOST_EVENT if kind == "Event" else _MOST_REQUEST
        if len(body) > most:
            words = f"{len(body)} byte payload is too large for the {kind} invocation type (limit {most} bytes)"
            return _refusal(request_id, 413, "RequestTooLargeException", words)
        allowed = await self._forward(request, body)
        if allowed.status >= 300:
            return allowed
        event = event_of(body)
        throttled = self.plan.strike("throttle", event)
        if throttled is not None:
            return _refusal(request_id, 429, "TooManyRequestsException", "Rate Exceeded.", throttled.reason)
        if self.plan.strike("refuse", event) is not None:
            return _refusal(request_id, 500, "ServiceException", "Service failed.")
        _, region, _ = _scope(request)
        base, alias = _name_and_qualifier(name, request.query.get("Qualifier"))
        try:
            version = await self.plane.find(region, base, alias)
        except NoSuchFunction as error:
            return _refusal(request_id, 404, "ResourceNotFoundException", f"Function not found: {error}")
        if kind == "DryRun":
            return web.Response(status=204, headers={"x-amzn-RequestId": request_id})
        if kind == "Event":
            self.queue.put(version, request_id, body)
            return web.Response(status=202, headers={"x-amzn-RequestId": request_id})
        return await self._run(request, version, request_id, body)

    async def _run(self, request: web.Request, version: FunctionVersion, request_id: str, body: bytes) -> web.Response:
        try:
            ran, log = await self.service.run(version, request_id, body)
        except Throttled as error:
            return _refusal(request_id, 429, "TooManyRequestsException", "Rate Exceeded.", str(error))
        headers = {
            "x-amzn-RequestId": request_id,
            "X-Amz-Executed-Version": version.key[2],
            "Content-Type": "application/json",
        }
        if not ran.ok:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(log).decode()
        return web.Response(body=ran.body, headers=headers)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP]
        headers.append(("X-Forwarded-Proto", "https"))
        if "Content-Encoding" in request.headers:  # aws-chunked is signed, and the body is as it came
            headers.append(("Content-Encoding", request.headers["Content-Encoding"]))
        url = URL(self.upstream + request.raw_path, encoded=True)
        skip = ("Content-Type", "User-Agent", "Accept", "Accept-Encoding")
        async with self.http.request(
            request.method, url, data=body, headers=headers, allow_redirects=False, skip_auto_headers=skip
        ) as answer:
            content = await answer.read()
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
            response = web.Response(status=answer.status, body=content)
            for name, value in kept:
                if name.lower() not in ("date", "server"):
                    response.headers.add(name, value)
            if request.method == "HEAD" and "Content-Length" in answer.headers:
                response.headers["Content-Length"] = answer.headers["Content-Length"]
            return response

    def _limited(self, answer: web.Response) -> web.Response:
        if answer.status != 200 or not isinstance(answer.body, bytes):
            return answer
        found: dict[str, Any] = json.loads(answer.body)
        limit = self.service.settings.account_limit
        found["AccountLimit"]["ConcurrentExecutions"] = limit
        found["AccountLimit"]["UnreservedConcurrentExecutions"] = max(0, limit - self.plane.reserved_in("us-east-1"))
        return web.json_response(found)


def _scope(request: web.Request) -> tuple[str, str, str]:
    """Access key, region and service of the signature; empty where there is none."""
    found = _SCOPE.search(request.headers.get("Authorization", ""))
    return (found[1], found[2], found[3]) if found else ("", "us-east-1", "")


def _name_and_qualifier(name: str, qualifier: str | None) -> tuple[str, str]:
    """Of a function given as name, name:alias or ARN."""
    name = name.rpartition(":function:")[2]
    base, _, alias = name.partition(":")
    return base, qualifier or alias or "$LATEST"


def _refusal(request_id: str, status: int, kind: str, words: str, reason: str = "") -> web.Response:
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": kind, "Content-Type": "application/json"}
    if status == 429:
        headers["Retry-After"] = "1"
    said = {"Type": "User", "message": words} | ({"Reason": reason} if reason else {})
    return web.Response(status=status, body=json.dumps(said).encode(), headers=headers)


def _fault_answer(request: web.Request, status: int, code: str) -> web.Response:
    if status == 0:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>planned</Message></Error>'
    body = b"" if request.method == "HEAD" else xml.encode()
    return web.Response(status=status, body=body, headers={"Content-Type": "application/xml"})
