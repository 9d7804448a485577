"""Everything that no single key is to blame for: combinations, within a section and across sections.

Each check says which sections it looks at, and runs only when these could be read and none of their keys has gone
astray: nobody should be told that something is missing that merely stands in the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from orchestrator.config.data_checks import check_data, unused
from orchestrator.config.load_checks import check_load
from orchestrator.config.nearest import nearest
from orchestrator.config.root import Config
from orchestrator.outcome import Problem

Problems = Iterator[Problem]
LEASE_S = {"local": 6.0, "aws": 10.0, "gcp": 10.0}  # lease/2 > beat + poll + the poll's timeout
_STREAMED = ("ttft", "tpot", "itl")


def check(
    config: Config,
    sound: AbstractSet[str],
    mended: AbstractSet[str] = frozenset(),
    left_out: AbstractSet[str] = frozenset(),
) -> Problems:
    """Problems of the sections in `sound`; those not named hold defaults that nobody asked for.

    A section of `mended` lacks some of what was meant for it: `left_out` names these places, and what their absence
    could explain is not said.
    """
    for sections, function in CHECKS:
        if sections <= sound:
            yield from function(config)
        elif len(sections) == 1 and sections <= mended:
            yield from (found for found in function(config) if not any(_explains(at, found.path) for at in left_out))


def _explains(absent: str, path: str) -> bool:
    """Whether a problem at `path` may come of `absent`: below it, beside it, or anywhere near a missing `type`."""
    mapping, _, key = absent.rpartition(".")
    if path in (absent, mapping) or path.startswith(f"{absent}."):
        return True
    return path.startswith(f"{mapping}.") if key == "type" else path.rpartition(".")[0] == mapping


def _server(config: Config) -> Iterator[Problem]:
    server = config.server
    if server.base_url is None and server.type != "mock":
        hint = "base_url: http://host:8000, or type: mock for the embedded model server"
        yield Problem("missing_key", "says no endpoint to send to", "server.base_url", hint)
    if server.key_path is not None and server.cert_path is None:
        yield Problem(
            "missing_key", "server.key_path needs the certificate", "server.cert_path", "cert_path: client.pem"
        )
    if server.mock is not None and not server.embedded:
        why = f"server.type is {server.type}" if server.type != "mock" else "server.base_url names another server"
        yield Problem("impossible", f"describes the embedded server, but {why}", "server.mock", "leave one out")


def _load(config: Config) -> Iterator[Problem]:
    yield from check_load(config.load)
    for key in ("worker_max_concurrency", "worker_max_tcp_connections"):
        if getattr(config.load, key) is not None:
            hint = "load.max_concurrency caps requests in flight over all lanes"
            yield Problem("no_effect", "is accepted and has no effect", f"load.{key}", hint, severity="warning")


def _data(config: Config) -> Iterator[Problem]:
    yield from check_data(config.data)
    yield from unused(config.data)


def _breakers(config: Config) -> Iterator[Problem]:
    names = [breaker.name for breaker in config.circuit_breakers]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem("wrong_value", f"{name} is defined twice", f"circuit_breakers.{index}.name", "rename one")
    for index, name in enumerate(config.load.circuit_breakers):
        if name not in names:
            meant = nearest(name, names)
            hint = f"did you mean {meant}?" if meant else "define it under circuit_breakers"
            yield Problem("wrong_value", f"no breaker is called {name}", f"load.circuit_breakers.{index}", hint)


def _sessions(config: Config) -> Iterator[Problem]:
    replays = ("otel_trace_replay", "weka_trace_replay")
    if config.data.type in replays and config.load.type != "trace_session_replay":
        message = f"data.type {config.data.type} needs load.type trace_session_replay"
        yield Problem("impossible", message, "load.type", "type: trace_session_replay")
    if config.load.type == "trace_session_replay" and config.data.type not in replays:
        message = f"load.type trace_session_replay replays sessions; data.type {config.data.type} has none"
        yield Problem("impossible", message, "data.type", f"one of {', '.join(replays)}")


def _goodput(config: Config) -> Iterator[Problem]:
    if config.api.streaming:
        return
    for name in config.report.goodput.limits:
        if name in _STREAMED:
            message = "cannot be measured without streaming: no request would count as good"
            yield Problem("impossible", message, f"report.goodput.constraints.{name}", "api: {streaming: true}")


def _tokenizer(config: Config) -> Iterator[Problem]:
    tokenizer, server = config.tokenizer, config.server
    if config.data.type != "random" or tokenizer.pretrained_model_name_or_path is not None:
        return
    if server.model_name is None or server.embedded:
        hint = "a folder with tokenizer.json, that file, or a hub name"
        message = "data.type random needs a tokenizer to make prompts of exact length"
        yield Problem("missing_key", message, "tokenizer.pretrained_model_name_or_path", hint)


def _own_code(config: Config) -> Iterator[Problem]:
    if config.tokenizer.trust_remote_code:
        message = "is accepted and has no effect: a tokenizer's own code is never run"
        hint = "a tokenizer that has a tokenizer.json needs none"
        yield Problem("no_effect", message, "tokenizer.trust_remote_code", hint, severity="warning")


def _fanout(config: Config) -> Iterator[Problem]:
    yield from check_lease(config, "local")
    seen: set[str] = set()
    for index, region in enumerate(config.fanout.regions):
        if region in seen:
            yield Problem("wrong_value", f"{region} is named twice", f"fanout.regions.{index}", "each once")
        seen.add(region)


def check_lease(config: Config, provider: str) -> Iterator[Problem]:
    """A lease too short for a worker to tell a slow store from a dead orchestrator."""
    least = LEASE_S[provider]
    if config.fanout.lease < least:
        where = "" if provider == "local" else f" on {provider}"
        message = (
            f"{config.fanout.lease:g}s is too short{where}: half of it must outlast a beat, a poll and its timeout"
        )
        yield Problem("impossible", message, "fanout.lease", f"at least {least:g}s")


CHECKS: tuple[tuple[frozenset[str], Callable[[Config], Iterator[Problem]]], ...] = (
    (frozenset({"server"}), _server),
    (frozenset({"data"}), _data),
    (frozenset({"load"}), _load),
    (frozenset({"load", "circuit_breakers"}), _breakers),
    (frozenset({"data", "load"}), _sessions),
    (frozenset({"api", "report"}), _goodput),
    (frozenset({"data", "tokenizer", "server"}), _tokenizer),
    (frozenset({"fanout"}), _fanout),
    (frozenset({"tokenizer"}), _own_code),
)
