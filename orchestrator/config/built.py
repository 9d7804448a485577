"""What is accepted and checked but not run yet, one clear line each. `plan` and `launch` refuse; `validate` warns.

Shrinks as benchctl grows: when something is built, its line goes.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config.root import Config
from orchestrator.config.section import Section
from orchestrator.outcome import Problem

API_TYPES = ("completion", "chat")
LOAD_TYPES = ("constant", "poisson", "gamma", "concurrent")
DATA_TYPES = ("mock", "shareGPT", "random", "file")


def unbuilt(config: Config) -> tuple[Problem, ...]:
    """Errors with code `not_built`, in the order of the sections."""
    found = (*_api(config), *_data(config), *_load(config), *_rest(config))
    return tuple(Problem("not_built", f"{what} is not built yet", path, hint) for path, what, hint in found)


Line = tuple[str, str, str]


def _given(section: Section, prefix: str, keys: dict[str, str]) -> Iterator[Line]:
    """A line for each of `keys` (key -> its name to people) that holds something."""
    for key, what in keys.items():
        if getattr(section, key):
            yield f"{prefix}.{key}", what, f"leave {prefix}.{key} out"


def _one_of(path: str, value: str, built: tuple[str, ...]) -> Iterator[Line]:
    if value not in built:
        yield path, f"{path} {value}", f"one of: {', '.join(built)}"


def _api(config: Config) -> Iterator[Line]:
    yield from _one_of("api.type", config.api.type, API_TYPES)
    slo = "a limit per request by header"
    keys = {"slo_unit": slo, "slo_ttft_header": slo, "slo_tpot_header": slo, "response_format": "structured output"}
    keys["session_token_header_key"] = "session affinity by an echoed header"
    if not config.data.enable_multi_turn_chat:
        keys["session_id_header_key"] = "a session's id in a header, but for data.enable_multi_turn_chat,"
    yield from _given(config.api, "api", keys)


def _data(config: Config) -> Iterator[Line]:
    data = config.data
    yield from _one_of("data.type", data.type, DATA_TYPES)
    if data.type == "shareGPT" and data.path is None:
        hint = "data.path: a local JSON file, or a folder of them"
        yield "data.path", "loading ShareGPT from the hub", hint
    if data.type == "random":
        yield from _given(data, "data", {"trace": "lengths from a trace", "use_chat_template": "a chat template"})


def _load(config: Config) -> Iterator[Line]:
    load = config.load
    yield from _one_of("load.type", load.type, LOAD_TYPES)
    keys = {"sweep": "the sweep", "circuit_breakers": "a circuit breaker", "lora_traffic_split": "splitting by adapter"}
    yield from _given(load, "load", keys)
    if load.type in LOAD_TYPES:
        yield from _given(load, "load", {"trace": "replaying arrival times"})


def _rest(config: Config) -> Iterator[Line]:
    if config.metrics.type == "prometheus":
        yield "metrics.type", "asking Prometheus", "leave metrics out, or type: default"
    copies = {"google_cloud_storage": "a copy of the report in GCS", "simple_storage_service": "a copy in S3"}
    yield from _given(config.storage, "storage", copies)
