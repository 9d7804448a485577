"""What a deployed worker may be made to do, whoever invokes it: the limits that were set where it was provisioned.

They come from the function's environment, which who may only invoke cannot change. They fail closed: what is not set
permits nothing. A target that is not on the list, a run that lies elsewhere and a shard of too many lanes are refused
before any load; an address behind a listed name, at each connection; the rate and the length of a run, while it runs.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass

from function.address import Network, why_refused
from function.contract.errors import UsageError
from function.contract.probe import GuardAnswer
from function.contract.spec import ShardSpec, Target
from function.store.key import check_key
from function.transport.head import Endpoint, parse_endpoint

TARGETS, CIDRS, ROOT = "BENCHCTL_ALLOWED_TARGETS", "BENCHCTL_ALLOWED_CIDRS", "BENCHCTL_ROOT_URI"
LANES, RATE, DURATION = "BENCHCTL_MAX_LANES", "BENCHCTL_MAX_REQUESTS_PER_S", "BENCHCTL_MAX_DURATION_S"


@dataclass(frozen=True, slots=True)
class Guard:
    """`targets`: scheme, host and port. `max_requests_per_s` and `max_duration_s` are a run's over all its lanes."""

    targets: tuple[tuple[str, str, int], ...]
    cidrs: tuple[Network, ...]
    max_lanes: int
    max_requests_per_s: float
    max_duration_s: float
    root_uri: str

    def check_run(self, run_uri: str) -> None:
        """UsageError `run_refused` unless `run_uri` is a run's folder below the root."""
        folder = run_uri.removeprefix(self.root_uri.rstrip("/") + "/runs/")
        try:
            inside = folder != run_uri and "/" not in check_key(folder)
        except ValueError:
            inside = False
        if not inside:
            raise UsageError(f"this worker serves runs below {self.root_uri}, not {run_uri}", code="run_refused")

    def check_target(self, target: Target) -> None:
        """UsageError `target_refused`: not on the list, or made to look like one that is."""
        endpoint = parse_endpoint(target.root)
        if _origin(endpoint) not in self.targets:
            raise UsageError(
                f"{endpoint.scheme}://{endpoint.host_port} is not on this worker's list of targets",
                code="target_refused",
                path="server.base_url",
                hint="benchctl infra up with it among allowed_targets",
            )
        if any(name.lower() == "host" for name in (*target.headers, *target.secret_headers)):
            # A front serves many names at one address: the header would choose another than the list permits.
            raise UsageError(
                "a cloud worker sends no Host header but the target's own", code="target_refused", path="api.headers"
            )

    def check_spec(self, spec: ShardSpec) -> None:
        """UsageError: as `check_target`, or `cap_exceeded`."""
        self.check_target(spec.target)
        if spec.lanes > self.max_lanes or not 0 <= spec.lane < spec.lanes:
            raise _exceeded(f"lane {spec.lane} of {spec.lanes} lanes", f"{self.max_lanes} lanes", LANES)
        if spec.slice_end_ns is None:
            return
        if spec.slice_end_ns > self.max_duration_s * 1e9:
            raise _exceeded(f"a slice up to {spec.slice_end_ns / 1e9:g} s", f"{self.max_duration_s:g} s", DURATION)
        length_s = (spec.slice_end_ns - spec.slice_start_ns) / 1e9
        if spec.kind == "open" and spec.requests > self.most(spec.lanes, length_s):
            rate = f"{spec.requests} requests of one of {spec.lanes} lanes within {length_s:g} s"
            raise _exceeded(rate, f"{self.max_requests_per_s:g} requests/s over all lanes", RATE)

    def most(self, lanes: int, seconds: float) -> float:
        """How many requests a lane may send within so long: its share, and what chance adds to a share (random
        arrivals at the permitted rate pass 6 standard deviations once in a thousand million windows)."""
        mean = self.max_requests_per_s * max(seconds, 0.0) / lanes
        return mean + 6 * math.sqrt(mean) + 10

    def why_refused(self, address: str) -> str | None:
        """Why no connection may be opened to an address, or None."""
        return why_refused(address, self.cidrs)

    def answer(self) -> GuardAnswer:
        return GuardAnswer(
            allowed_targets=tuple(f"{scheme}://{_bracketed(host)}:{port}" for scheme, host, port in self.targets),
            allowed_cidrs=tuple(map(str, self.cidrs)),
            max_lanes=self.max_lanes,
            max_requests_per_s=self.max_requests_per_s,
            max_duration_s=self.max_duration_s,
            root_uri=self.root_uri,
        )


def read_guard(environment: Mapping[str, str]) -> Guard:
    """Raises UsageError `guard_setting` for a variable that is missing or cannot be read."""
    root_uri = environment.get(ROOT, "").rstrip("/")
    if not root_uri:
        raise _unset(ROOT, "is not set")
    lanes = _number(environment, LANES)
    return Guard(
        targets=tuple(_origin(_endpoint(word)) for word in _words(environment, TARGETS)),
        cidrs=tuple(_network(word) for word in _words(environment, CIDRS)),
        max_lanes=int(lanes),
        max_requests_per_s=_number(environment, RATE),
        max_duration_s=_number(environment, DURATION),
        root_uri=root_uri,
    )


def _words(environment: Mapping[str, str], name: str) -> list[str]:
    return [word.strip() for word in environment.get(name, "").split(",") if word.strip()]


def _number(environment: Mapping[str, str], name: str) -> float:
    try:
        value = float(environment[name])
    except KeyError:
        raise _unset(name, "is not set") from None
    except ValueError:
        raise _unset(name, f"is no number: {environment[name]!r}") from None
    if not 0 < value < math.inf:
        raise _unset(name, f"is {value:g}")
    return value


def _endpoint(word: str) -> Endpoint:
    try:
        endpoint = parse_endpoint(word)
    except UsageError as error:
        raise _unset(TARGETS, f"holds {word!r}: {error.message}") from error
    if endpoint.prefix:
        raise _unset(TARGETS, f"holds {word!r}, which has a path: a target is scheme://host:port")
    return endpoint


def _network(word: str) -> Network:
    try:
        return ipaddress.ip_network(word)
    except ValueError as error:
        raise _unset(CIDRS, f"holds {word!r}: {error}") from error


def _origin(endpoint: Endpoint) -> tuple[str, str, int]:
    return endpoint.scheme, endpoint.host, endpoint.port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unset(name: str, why: str) -> UsageError:
    hint = "benchctl infra up sets it"
    return UsageError(f"the worker's {name} {why}", code="guard_setting", path=name, hint=hint)


def _exceeded(what: str, cap: str, name: str) -> UsageError:
    variable = name.removeprefix("BENCHCTL_").lower()
    return UsageError(
        f"{what}: this worker's cap is {cap}",
        code="cap_exceeded",
        path=name,
        hint=f"raise {variable}: benchctl infra up",
    )
