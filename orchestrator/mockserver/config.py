"""What the mock server is asked to be: one frozen value, read from plain JSON.

Times are seconds, as people type them. Rates are shares of the requests, 0.0 to 1.0. It knows the ranges and nothing
of the rest of the program's config: who embeds the server translates into these names.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import msgspec


class MockConfigError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message names its key."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Share of completion requests each fault hits. One request meets at most one fault, so the sum is at most 1.

    The first three answer with that status at once. In mid-stream: `cut` closes the connection without an end, `stall`
    pauses once, `error_event` sends an error and [DONE], `malformed` adds a data line that is no JSON, `zombie` goes
    on with keep-alive comments only. `slow_accept` leaves the request unread for a while.
    """

    http_500: float = 0.0
    http_429: float = 0.0
    http_503: float = 0.0
    cut: float = 0.0
    stall: float = 0.0
    error_event: float = 0.0
    malformed: float = 0.0
    slow_accept: float = 0.0
    zombie: float = 0.0


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Service is `times` slower at the first request; the excess decays as exp(-t / tau_s)."""

    times: float
    tau_s: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Service time grows linearly by the share `by` (0.5 = +50 %) over `over_s` seconds, and stays there."""

    by: float
    over_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """The whole server stops for `for_s` seconds: once `at_s` after the first request, or every `every_s`."""

    for_s: float
    at_s: float | None = None
    every_s: float | None = None


@dataclass(frozen=True, slots=True)
class MockConfig:
    """Everything about the server's behaviour. Cold start, drift and pause count from the first completion request.

    `ttft_s` and `itl_s` are the time to the first token and between tokens once a slot is free; `slots` is how many
    answers are made at a time (null: any number), the rest queue in order of arrival. With `ttft_law` exponential,
    `ttft_s` is the mean. `stop_after` makes the model end by itself after so many tokens unless `ignore_eos` is asked
    (and `honours_ignore_eos`). The first `reasoning_tokens` tokens of a chat answer are reasoning. `stall_s`,
    `slow_accept_s`, `zombie_every_s` and `zombie_max_s` are the lengths of those faults; `kv_tokens` is the capacity
    that kv_cache_usage_perc is a share of.
    """

    ttft_s: float = 0.05
    itl_s: float = 0.01
    ttft_law: Literal["fixed", "exponential"] = "fixed"
    slots: int | None = None
    model: str = "mock-model"
    api_key: str | None = field(default=None, repr=False)
    max_model_len: int = 131_072
    default_max_tokens: int = 16
    stop_after: int | None = None
    honours_ignore_eos: bool = True
    reasoning_tokens: int = 0
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    tool_calls: bool = False
    prefix_cache: bool = False
    prefix_block_words: int = 16
    prefix_blocks: int = 65_536
    kv_tokens: int = 1_000_000
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    stall_s: float = 5.0
    slow_accept_s: float = 1.0
    zombie_every_s: float = 1.0
    zombie_max_s: float = 600.0
    cold_start: ColdStart | None = None
    drift: Drift | None = None
    pause: Pause | None = None

    def __post_init__(self) -> None:
        problems = [*_out_of_range(self), *_bad_faults(self.faults), *_bad_pause(self.pause)]
        if problems:
            raise MockConfigError("; ".join(problems))


_AT_LEAST: dict[str, float] = {
    "ttft_s": 0.0,
    "itl_s": 0.0,
    "slots": 1,
    "max_model_len": 1,
    "default_max_tokens": 1,
    "stop_after": 1,
    "reasoning_tokens": 0,
    "prefix_block_words": 1,
    "prefix_blocks": 1,
    "kv_tokens": 1,
    "stall_s": 0.0,
    "slow_accept_s": 0.0,
    "zombie_every_s": 0.001,
    "zombie_max_s": 0.0,
    "cold_start.times": 0.0,
    "cold_start.tau_s": 0.001,
    "drift.by": -1.0,
    "drift.over_s": 0.001,
}
_NESTED: dict[str, type] = {"faults": Faults, "cold_start": ColdStart, "drift": Drift, "pause": Pause}


def config_from(values: Mapping[str, Any]) -> MockConfig:
    """The config of a plain mapping with MockConfig's field names. Raises MockConfigError for the first bad key."""
    _refuse_unknown(values, MockConfig, "")
    for name, kind in _NESTED.items():
        if isinstance(values.get(name), Mapping):
            _refuse_unknown(values[name], kind, f"{name}.")
    try:
        return msgspec.convert(dict(values), MockConfig)
    except msgspec.ValidationError as error:
        raise MockConfigError(str(error)) from error


def as_mapping(config: MockConfig) -> dict[str, Any]:
    """The plain mapping `config_from` reads back to an equal config."""
    return asdict(config)


def _refuse_unknown(values: Mapping[str, Any], kind: type, where: str) -> None:
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f", did you mean {where}{near[0]}?" if near else f": one of {', '.join(known)}"
            raise MockConfigError(f"unknown mock setting {where}{key}{hint}")


def _out_of_range(config: MockConfig) -> Iterator[str]:
    for key, least in _AT_LEAST.items():
        value: Any = config
        for part in key.split("."):
            value = None if value is None else getattr(value, part)
        if value is not None and not (math.isfinite(value) and value >= least):
            yield f"{key} must be at least {least:g}, not {value}"


def _bad_faults(faults: Faults) -> Iterator[str]:
    rates = asdict(faults)
    bad = [name for name, rate in rates.items() if not 0.0 <= rate <= 1.0]
    for name in bad:
        yield f"faults.{name} is a share between 0 and 1, not {rates[name]}"
    # Rates that sum to 1 as written (ten times 0.1) may exceed it by rounding.
    if not bad and sum(rates.values()) > 1.0 + 1e-9:
        yield f"faults add up to {sum(rates.values()):g}: a request meets at most one, so the sum is at most 1"


def _bad_pause(pause: Pause | None) -> Iterator[str]:
    if pause is None:
        return
    if (pause.at_s is None) == (pause.every_s is None):
        yield "pause needs exactly one of at_s and every_s"
    times = [t for t in (pause.for_s, pause.at_s, pause.every_s) if t is not None]
    if not all(math.isfinite(t) and t >= 0.0 for t in times):
        yield "pause times must be 0 or more"
    elif pause.every_s is not None and pause.every_s <= pause.for_s:
        yield "pause.every_s must be longer than pause.for_s"
