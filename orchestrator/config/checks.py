"""Everything that no single key is to blame for: combinations, within a section and across sections.

Each problem says which other keys it rests on, and is told only when none of these has been left out or has gone
astray: nobody should hear that something is missing that merely stands in the wrong place. Everything else is told, so
that one look at a config finds all that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from orchestrator.config.claim import Claim, explains
from orchestrator.config.data_checks import SESSION_TYPES, check_data, unused
from orchestrator.config.load_checks import check_load, check_turns
from orchestrator.config.nearest import nearest
from orchestrator.config.root import Config
from orchestrator.outcome import Problem

Problems = Iterator[Problem]
LEASE_S = {"local": 6.0, "aws": 10.0, "gcp": 10.0}  # lease/2 > beat + poll + the poll's timeout
_STREAMED = ("ttft", "tpot", "itl")


def check(config: Config, absent: Collection[str] = ()) -> Problems:
    """Problems of the whole config. `absent`: places where something was meant and could not be read, or stands
    elsewhere; `[]` in one is any item of a list."""
    for function in CHECKS:
        yield from (one for one in function(config) if not any(explains(place, one) for place in absent))


def _server(config: Config) -> Problems:
    server = config.server
    if server.base_url is None and server.type != "mock":
        hint = "base_url: http://host:8000, or type: mock for the embedded model server"
        yield Claim("missing_key", "says no endpoint to send to", "server.base_url", hint, rests_on=("server.type",))
    if server.key_path is not None and server.cert_path is None:
        yield Problem(
            "missing_key", "server.key_path needs the certificate", "server.cert_path", "cert_path: client.pem"
        )
    if server.mock is not None and not server.embedded:
        why = f"server.type is {server.type}" if server.type != "mock" else "server.base_url names another server"
        message = f"describes the embedded server, but {why}"
        rests_on = ("server.type", "server.base_url")
        yield Claim("impossible", message, "server.mock", "leave one out", rests_on=rests_on)


def _load(config: Config) -> Problems:
    yield from check_load(config.load)
    for key in ("worker_max_concurrency", "worker_max_tcp_connections"):
        if getattr(config.load, key) is not None:
            hint = "load.max_concurrency caps requests in flight over all lanes"
            yield Problem("no_effect", "is accepted and has no effect", f"load.{key}", hint, severity="warning")


def _data(config: Config) -> Problems:
    yield from check_data(config.data)
    yield from unused(config.data)


def _breakers(config: Config) -> Problems:
    names = [breaker.name for breaker in config.circuit_breakers]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem("wrong_value", f"{name} is defined twice", f"circuit_breakers.{index}.name", "rename one")
    for index, name in enumerate(config.load.circuit_breakers):
        if name not in names:
            meant = nearest(name, names)
            hint = f"did you mean {meant}?" if meant else "define it under circuit_breakers"
            path = f"load.circuit_breakers.{index}"
            yield Claim("wrong_value", f"no breaker is called {name}", path, hint, rests_on=("circuit_breakers",))


def _sessions(config: Config) -> Problems:
    if config.data.enable_multi_turn_chat and config.data.type in SESSION_TYPES:
        yield from check_turns(config.load)
    named = config.api.session_id_header_key
    if named is not None and named.lower() in map(str.lower, config.api.headers):
        message = f"{named} is in api.headers too: every request would carry it twice"
        yield Problem("impossible", message, "api.session_id_header_key", "keep one")
    replays = ("otel_trace_replay", "weka_trace_replay")
    if config.data.type in replays and config.load.type != "trace_session_replay":
        message = f"data.type {config.data.type} needs load.type trace_session_replay"
        hint = "type: trace_session_replay"
        yield Claim("impossible", message, "load.type", hint, rests_on=("data.type", "load.type"))
    if config.load.type == "trace_session_replay" and config.data.type not in replays:
        message = f"load.type trace_session_replay replays sessions; data.type {config.data.type} has none"
        hint = f"one of {', '.join(replays)}"
        yield Claim("impossible", message, "data.type", hint, rests_on=("data.type", "load.type"))


def _goodput(config: Config) -> Problems:
    if config.api.streaming:
        return
    for name in config.report.goodput.limits:
        if name in _STREAMED:
            message = "cannot be measured without streaming: no request would count as good"
            path = f"report.goodput.constraints.{name}"
            yield Claim("impossible", message, path, "api: {streaming: true}", rests_on=("api.streaming",))


def _tokenizer(config: Config) -> Problems:
    tokenizer, server = config.tokenizer, config.server
    if config.data.type != "random" or tokenizer.pretrained_model_name_or_path is not None:
        return
    if server.model_name is None or server.embedded:
        hint = "a folder with tokenizer.json, that file, or a hub name"
        message = "data.type random needs a tokenizer to make prompts of exact length"
        path = "tokenizer.pretrained_model_name_or_path"
        rests_on = ("data.type", "server.model_name", "server.type", "server.base_url")
        yield Claim("missing_key", message, path, hint, rests_on=rests_on)


def _own_code(config: Config) -> Problems:
    if config.tokenizer.trust_remote_code:
        message = "is accepted and has no effect: a tokenizer's own code is never run"
        hint = "a tokenizer that has a tokenizer.json needs none"
        yield Problem("no_effect", message, "tokenizer.trust_remote_code", hint, severity="warning")


def _fanout(config: Config) -> Problems:
    yield from check_lease(config, "local")
    seen: set[str] = set()
    for index, region in enumerate(config.fanout.regions):
        if region in seen:
            yield Problem("wrong_value", f"{region} is named twice", f"fanout.regions.{index}", "each once")
        seen.add(region)


def check_lease(config: Config, provider: str) -> Problems:
    """A lease too short for a worker to tell a slow store from a dead orchestrator."""
    least = LEASE_S[provider]
    if config.fanout.lease < least:
        where = "" if provider == "local" else f" on {provider}"
        message = (
            f"{config.fanout.lease:g}s is too short{where}: half of it must outlast a beat, a poll and its timeout"
        )
        yield Problem("impossible", message, "fanout.lease", f"at least {least:g}s")


CHECKS: tuple[Callable[[Config], Problems], ...] = (
    _server,
    _data,
    _load,
    _breakers,
    _sessions,
    _goodput,
    _tokenizer,
    _fanout,
    _own_code,
)
