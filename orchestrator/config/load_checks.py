"""Which keys of `load` go together. Yields a Problem per contradiction; a missing key is named where it belongs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from orchestrator.config.claim import Claim
from orchestrator.config.load import Load, LoadType, Stage
from orchestrator.config.quantity import exact
from orchestrator.outcome import Problem

OPEN_LOOPS: tuple[LoadType, ...] = ("constant", "poisson", "gamma", "trace_replay")
_SHAPES = ("rate_end", "spike", "sine")
_KEYS_OF: dict[str, tuple[str, ...]] = {
    "open": ("rate", "duration", "rate_end", "steps", "spike", "sine"),
    "concurrent": ("concurrency_level", "num_requests", "duration"),
    "trace_session_replay": ("concurrent_sessions", "session_rate", "num_sessions", "timeout"),
}
_ALL_KEYS = tuple(dict.fromkeys(key for keys in _KEYS_OF.values() for key in keys))


def check_load(load: Load) -> Iterator[Problem]:
    yield from _check_stages(load)
    yield from _check_options(load)
    yield from _check_adapters(load)


def check_turns(load: Load) -> Iterator[Problem]:
    """For data played turn by turn."""
    if load.type in OPEN_LOOPS:
        message = (
            "a turn is sent once the one before has been answered: no schedule of arrivals can promise their order"
        )
        hint = "load.type: concurrent, or data.enable_multi_turn_chat: false for one request a conversation"
        yield _wrong("load.type", message, hint, "data.enable_multi_turn_chat")


def _family(load_type: LoadType) -> str:
    return "open" if load_type in OPEN_LOOPS else load_type


def _wrong(path: str, message: str, hint: str, *rests_on: str) -> Problem:
    """Nearly everything here rests on load.type."""
    return Claim("impossible", message, path, hint, rests_on=("load.type", *rests_on))


def _missing(path: str, message: str, hint: str, *rests_on: str) -> Problem:
    return Claim("missing_key", message, path, hint, rests_on=("load.type", *rests_on))


def _check_stages(load: Load) -> Iterator[Problem]:
    if not load.stages and load.sweep is None and load.type != "trace_replay":
        example = {
            "open": "- {rate: 10, duration: 60s}",
            "concurrent": "- {concurrency_level: 8, num_requests: 200}",
            "trace_session_replay": "- {concurrent_sessions: 8}",
        }[_family(load.type)]
        yield _missing("load.stages", "no stage: nothing would be sent", f"stages: [{example[2:]}]", "load.sweep")
    if load.stages and all(stage.warmup for stage in load.stages):
        yield _wrong("load.stages", "every stage is a warmup: nothing would be measured", "add a stage without warmup")
    for index, stage in enumerate(load.stages):
        path = f"load.stages.{index}"
        yield from _check_foreign(load.type, stage, path)
        if load.type == "concurrent":
            yield from _check_concurrent(stage, path)
        elif load.type == "trace_session_replay":
            yield from _check_sessions(stage, path)
        elif load.type != "trace_replay":
            yield from _check_open(stage, path)


def _check_foreign(load_type: LoadType, stage: Stage, path: str) -> Iterator[Problem]:
    """Keys of another load type: null is absent, anything else would be ignored, so it is refused."""
    own = _KEYS_OF[_family(load_type)]
    for key in _ALL_KEYS:
        if key not in own and getattr(stage, key) is not None:
            fitting = next(family for family, keys in _KEYS_OF.items() if key in keys)
            types = "constant, poisson or gamma" if fitting == "open" else fitting
            message = f"has no meaning in a stage of load.type {load_type}"
            yield _wrong(f"{path}.{key}", message, f"leave it out, or choose load.type: {types}")


def _check_open(stage: Stage, path: str) -> Iterator[Problem]:
    if stage.rate is None:
        yield _missing(f"{path}.rate", "is missing", "requests per second, for example rate: 10")
    if stage.duration is None:
        yield _missing(f"{path}.duration", "is missing", "length of the stage, for example duration: 60s")
    given = [key for key in _SHAPES if getattr(stage, key) is not None]
    if len(given) > 1:
        yield _wrong(path, f"has more than one shape: {', '.join(given)}", "one shape per stage; split the stage")
    elif stage.steps is not None and stage.rate_end is None:
        hint = "rate: 10, rate_end: 50, steps: 5"
        yield _wrong(f"{path}.steps", "needs `rate_end`, the rate of the last step", hint, f"{path}.rate_end")
    elif stage.rate is not None:
        yield from _check_rate(stage, stage.rate, path)
    if stage.spike is not None and stage.duration is not None:
        end = exact(stage.spike.at) + exact(stage.spike.for_)
        if end > exact(stage.duration):
            hint = f"at + for <= {stage.duration:g}s"
            yield _wrong(f"{path}.spike", f"ends at {float(end):g}s, after the stage's end", hint)


def _check_rate(stage: Stage, rate: float, path: str) -> Iterator[Problem]:
    lift = {"ramp": stage.rate_end, "steps": stage.rate_end, "spike": stage.spike and stage.spike.rate}
    if stage.sine is not None and stage.sine.amplitude > rate:
        message = f"{stage.sine.amplitude:g} is more than the rate {rate:g}: the rate would be negative"
        yield _wrong(f"{path}.sine.amplitude", message, f"at most {rate:g}")
    elif rate == 0 and not lift.get(stage.shape):
        lifts = (f"{path}.rate_end", f"{path}.spike")
        hint = "above 0, or a rate_end or spike that lifts it"
        yield _wrong(f"{path}.rate", "is 0: nothing would be sent", hint, *lifts)


def _check_concurrent(stage: Stage, path: str) -> Iterator[Problem]:
    if stage.concurrency_level is None:
        yield _missing(f"{path}.concurrency_level", "is missing", "users over all lanes, for example 8")
    if stage.num_requests is None and stage.duration is None:
        hint = "num_requests: 200 to end by count, or duration: 60s to end by time"
        yield _missing(
            f"{path}.num_requests",
            "neither num_requests nor duration says when the stage ends",
            hint,
            f"{path}.duration",
        )
    if stage.num_requests is not None and stage.duration is not None:
        yield _wrong(path, "has both num_requests and duration", "keep one: the stage ends by count or by time")


def _check_sessions(stage: Stage, path: str) -> Iterator[Problem]:
    if stage.concurrent_sessions is None:
        yield _missing(f"{path}.concurrent_sessions", "is missing", "sessions at once, 0 for all")
    elif stage.session_rate is not None and 0 < stage.concurrent_sessions < stage.session_rate:
        message = f"{stage.session_rate:g} sessions per second with only {stage.concurrent_sessions} at once"
        yield _wrong(f"{path}.session_rate", message, f"at most {stage.concurrent_sessions}")


def _check_options(load: Load) -> Iterator[Problem]:
    if load.burstiness != 1.0 and load.type != "gamma":
        hint = "load.type: gamma, or leave burstiness out"
        yield _wrong("load.burstiness", f"has no meaning for load.type {load.type}", hint)
    if load.max_concurrency is not None and load.type == "concurrent":
        hint = "leave it out: concurrency_level is the limit"
        yield _wrong("load.max_concurrency", "caps an open loop; a concurrent load has its own limit", hint)
    if load.sweep is not None and load.type not in ("constant", "poisson"):
        yield _wrong("load.sweep", f"cannot be used with load.type {load.type}", "constant or poisson")
    if load.type == "trace_replay" and load.trace is None:
        yield _missing("load.trace", "load.type trace_replay needs the trace", "trace: {file: trace.csv}")
    limits = load.request_timeout
    for key in ("connect", "first_token", "idle"):
        limit = getattr(limits, key)
        if key in limits.model_fields_set and limit is not None and limit > limits.total:
            message = f"{limit:g}s is more than the total of {limits.total:g}s: it could never fire"
            hint = f"at most {limits.total:g}s, or raise total"
            yield Claim(
                "impossible", message, f"load.request_timeout.{key}", hint, rests_on=("load.request_timeout.total",)
            )


def _check_adapters(load: Load) -> Iterator[Problem]:
    shares = load.lora_traffic_split
    if not shares:
        return
    total = sum(exact(share.split) for share in shares)
    if not math.isclose(total, 1.0, abs_tol=1e-9):
        yield _wrong("load.lora_traffic_split", f"the shares add up to {float(total):g}", "they must add up to 1")
    names = [share.name for share in shares]
    if len(set(names)) != len(names):
        yield _wrong("load.lora_traffic_split", "names an adapter twice", "each once, with its whole share")
