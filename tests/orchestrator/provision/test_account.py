"""The two questions to AWS, asked of a server that answers as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from function.contract.errors import BenchctlError, ProviderError, UsageError
from orchestrator.provision import account
from orchestrator.provision.account import Concurrency, concurrency, whose_account

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>A</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
EXPIRED = """<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>
<Message>The security token included in the request is expired</Message></Error></ErrorResponse>"""


class Answers:
    """What the server says next, and which paths it was asked for."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = ""
        self.paths: list[str] = []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    scripted = Answers()

    class Server(BaseHTTPRequestHandler):
        def answer(self) -> None:
            scripted.paths.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(scripted.status)
            for name, value in scripted.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(scripted.body)))
            self.end_headers()
            self.wfile.write(scripted.body.encode())

        do_GET = do_POST = answer

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


def test_whose_it_is(answers: Answers) -> None:
    answers.body = IDENTITY
    found = whose_account("eu-west-1")
    assert (found.id, found.caller) == ("123456789012", "arn:aws:iam::123456789012:user/ann")


def test_expired_credentials(answers: Answers) -> None:
    answers.status, answers.body = 403, EXPIRED
    with pytest.raises(UsageError) as refused:
        whose_account("eu-west-1")
    assert (refused.value.code, refused.value.exit_code) == ("credentials", 2)
    assert "expired" in refused.value.message and "aws sso login" in refused.value.hint


def test_no_credentials(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/none")
    with pytest.raises(UsageError) as refused:
        whose_account("eu-west-1")
    assert refused.value.code == "credentials"
    assert answers.paths == []


@pytest.mark.parametrize("region", ["nowhere at all", "eu-west-1"])
def test_an_unreachable_one(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BenchctlError) as failed:
        whose_account(region)
    assert failed.value.code == "aws_unreachable"


def test_the_limits_of_a_fresh_account(answers: Answers) -> None:
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10, "TotalCodeSize": 80530636800}
    answers.body = json.dumps({"AccountLimit": limit, "AccountUsage": {"FunctionCount": 0, "TotalCodeSize": 0}})
    assert concurrency("eu-west-1") == Concurrency(10, 10)


def test_a_read_that_is_not_allowed(answers: Answers) -> None:
    answers.status, answers.body = 403, json.dumps({"Message": "not authorized to perform lambda:GetAccountSettings"})
    answers.headers = {"x-amzn-ErrorType": "AccessDeniedException"}
    with pytest.raises(ProviderError, match="not authorized to perform lambda:GetAccountSettings"):
        concurrency("eu-west-1")


@pytest.mark.parametrize(
    ("limit", "unreserved", "wanted", "already", "holds"),
    [
        (10, 10, 2, 0, False),  # a fresh account
        (1000, 1000, 900, 0, True),
        (1000, 1000, 901, 0, False),
        (1000, 200, 100, 0, True),
        (1000, 100, 100, 100, True),  # it has it already
        (1000, 100, 102, 100, False),
    ],
)
def test_a_hundred_stay_unreserved(limit: int, unreserved: int, wanted: int, already: int, holds: bool) -> None:
    assert Concurrency(limit, unreserved).holds(wanted, already) is holds


def test_the_usual_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert account.default_region() == "eu-north-1"
