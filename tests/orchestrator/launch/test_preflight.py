"""What is found before anything is created: each refusal names what to change; only GET /v1/models is ever asked."""

from __future__ import annotations

import json
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from function.contract import keys
from function.contract.errors import StoreError, UsageError
from function.store.local import LocalStore
from function.store.memory import MemoryStore
from function.store.port import Stored
from orchestrator.config.loading import load_config
from orchestrator.config.root import Config
from orchestrator.launch.endpoint import tls_context
from orchestrator.launch.headers import Headers, headers_of
from orchestrator.launch.preflight import allow_files, check_endpoint, check_root

MODELS = json.dumps({"data": [{"id": "one"}, {"id": "two"}]}).encode()
NOTHING = Headers({}, {}, {})


class Server(ThreadingHTTPServer):
    asked: list[tuple[str, str, dict[str, str]]]
    answer: Callable[[Any], tuple[int, bytes, dict[str, str]]]


class Door(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        status, body, headers = self.server.answer(self)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(status: int = 200, body: bytes = MODELS, **headers: str) -> Iterator[tuple[str, Server]]:
    server = Server(("127.0.0.1", 0), Door)
    server.asked = []
    server.answer = lambda door: (status, body, headers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def config(server: dict[str, Any] | None = None, **sections: Any) -> Config:
    tree = {
        "server": {"type": "vllm", "base_url": "http://127.0.0.1:1", **(server or {})},
        "data": {"type": "mock"},
        "load": {"type": "constant", "stages": [{"rate": 1, "duration": 1}]},
        **sections,
    }
    return load_config(json.dumps(tree, indent=1)).config


def refused(act: Callable[[], object]) -> UsageError:
    with pytest.raises(UsageError) as found:
        act()
    assert found.value.hint, "says what would be right"
    return found.value


def test_the_first_model_is_taken_and_said_where_none_is_named() -> None:
    with serving() as (url, server):
        found = check_endpoint(config(), url, NOTHING)
    assert found.models == ("one",)
    assert [problem.code for problem in found.problems] == ["model_chosen"]
    assert [(method, path) for method, path, _ in server.asked] == [("GET", "/v1/models")]


def test_a_named_model_that_is_listed_needs_no_word() -> None:
    with serving() as (url, _):
        assert check_endpoint(config({"model_name": "two"}), url, NOTHING).problems == ()


def test_a_named_model_that_is_not_listed_is_a_warning() -> None:
    with serving() as (url, _):
        found = check_endpoint(config({"model_name": "three"}), url, NOTHING)
    assert found.models == ("three",)
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.path) == ("model_not_listed", "warning", "server.model_name")


def test_a_server_without_a_list_is_fine_for_a_named_model_only() -> None:
    with serving(404, b"no route") as (url, _):
        assert check_endpoint(config({"model_name": "m"}), url, NOTHING).problems == ()
        error = refused(lambda: check_endpoint(config(), url, NOTHING))
    assert (error.code, error.path) == ("model_unknown", "server.model_name")


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"data": 3}', b'{"data": [{}]}'])
def test_an_answer_that_is_no_list_is_a_warning(body: bytes) -> None:
    with serving(200, body) as (url, _):
        found = check_endpoint(config({"model_name": "m"}), url, NOTHING)
    assert [problem.code for problem in found.problems] == ["models_unavailable"]


def test_a_server_in_trouble_is_a_warning_for_a_named_model() -> None:
    with serving(503, b"busy") as (url, _):
        found = check_endpoint(config({"model_name": "m"}), url, NOTHING)
    assert "HTTP 503" in found.problems[0].message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_and_never_shown(status: int) -> None:
    with serving(status, b"") as (url, server):
        asked = config({"api_key": "sk-very-secret", "model_name": "m"})
        error = refused(lambda: check_endpoint(asked, url, headers_of(asked, {})))
        missing = refused(lambda: check_endpoint(config(), url, NOTHING))
    assert (error.code, error.path) == ("key_refused", "server.api_key")
    assert "secret" not in f"{error.message}{error.hint}"
    assert server.asked[0][2]["Authorization"] == "Bearer sk-very-secret"
    assert (missing.code, missing.path) == ("key_refused", "server.api_key")


def test_a_redirect_is_refused_with_where_to() -> None:
    with serving(301, b"", Location="https://elsewhere/v1/models") as (url, _):
        error = refused(lambda: check_endpoint(config({"model_name": "m"}), url, NOTHING))
    assert (error.code, error.path) == ("endpoint_redirects", "server.base_url")
    assert "https://elsewhere" in error.hint


def test_a_path_before_v1_is_kept() -> None:
    with serving() as (url, server):
        check_endpoint(config(), f"{url}/proxy/team-a", NOTHING)
    assert server.asked[0][1] == "/proxy/team-a/v1/models"


def test_headers_go_along() -> None:
    asked = config(api={"headers": {"X-Team": "a", "X-Api-Key": {"env": "KEY"}}})
    with serving() as (url, server):
        check_endpoint(asked, url, headers_of(asked, {"KEY": "k"}))
    assert server.asked[0][2]["X-Team"] == "a"
    assert server.asked[0][2]["X-Api-Key"] == "k"


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = refused(lambda: check_endpoint(config(), url, NOTHING))
    assert (error.code, error.path) == ("endpoint_unreachable", "server.base_url")
    assert "connection refused" in error.message


def test_a_name_that_means_nothing() -> None:
    error = refused(lambda: check_endpoint(config(), "http://no-such-host.invalid", NOTHING))
    assert error.code == "endpoint_unreachable"


def test_silence_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.launch.endpoint.TIMEOUT_S", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        error = refused(lambda: check_endpoint(config(), url, NOTHING))
    assert (error.code, "no answer within" in error.message) == ("endpoint_unreachable", True)


def test_what_is_no_http_is_unreachable() -> None:
    with socket.socket() as odd:
        odd.bind(("127.0.0.1", 0))
        odd.listen()

        def talk() -> None:
            peer, _ = odd.accept()
            peer.recv(1000)
            peer.sendall(b"220 mail.example ESMTP\r\n")
            peer.close()

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{odd.getsockname()[1]}"
        assert refused(lambda: check_endpoint(config(), url, NOTHING)).code == "endpoint_unreachable"
        thread.join(5)


def test_https_to_a_plain_server_is_named_as_tls() -> None:
    with serving() as (url, _):
        secure = url.replace("http://", "https://")
        error = refused(lambda: check_endpoint(config({"base_url": secure}), secure, NOTHING))
    assert (error.code, error.path) == ("endpoint_tls", "server.base_url")


def test_certificate_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    error = refused(lambda: tls_context(str(tmp_path / "x.pem"), None, None))
    assert (error.code, error.path) == ("tls_files", "server.ca_file")
    assert refused(lambda: tls_context(None, str(tmp_path / "x.pem"), None)).path == "server.cert_path"


def test_a_root_that_takes_writes_tells_its_clock_and_keeps_nothing(tmp_path: Path) -> None:
    run = LocalStore(tmp_path).at("runs/r")
    clock = check_root(run, "r")
    assert abs(clock.now_ns() - __import__("time").time_ns()) < 1e9
    assert list(run.list()) == []


def test_a_taken_run_id_is_refused_and_nothing_of_it_touched() -> None:
    run = MemoryStore()
    run.put(keys.PLAN, b"{}")
    assert refused(lambda: check_root(run, "r")).code == "run_exists"
    assert [entry.key for entry in run.list()] == [keys.PLAN]


def test_a_file_in_the_way_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    error = refused(lambda: check_root(LocalStore(tmp_path / "file" / "below").at("runs/r"), "r"))
    assert (error.code, error.path) == ("root_unwritable", "--root")


class NoReplace(MemoryStore):
    def replace(self, key: str, body: bytes, version: str) -> Stored:
        raise StoreError("locks are not supported")


def test_a_store_without_conditional_writes_is_refused_and_left_clean() -> None:
    run = NoReplace()
    assert refused(lambda: check_root(run, "r")).code == "root_unwritable"
    assert list(run.list()) == []


def test_the_file_limit_is_raised_or_named() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allow_files(None)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
        if hard != resource.RLIM_INFINITY:
            error = refused(lambda: allow_files(hard))
            assert (error.code, error.path) == ("file_limit", "fanout.lanes")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
