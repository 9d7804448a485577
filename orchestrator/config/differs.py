"""Where inference-perf's reading of a key is a bug and ours is not: `validate` says so once, if a config touches it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config.distribution import Distribution
from orchestrator.config.root import Config
from orchestrator.outcome import Problem

_CUT = 3.0  # standard deviations: beyond, under 0.3 % of a normal's values meet a bound


def differs(config: Config) -> tuple[Problem, ...]:
    """Warnings with code `differs`, at most one per key."""
    return tuple(
        Problem("differs", message, path, hint, severity="warning") for path, message, hint in _differences(config)
    )


def _differences(config: Config) -> Iterator[tuple[str, str, str]]:
    load, data, report = config.load, config.data, config.report
    if load.type == "constant" and "type" in load.model_fields_set:
        yield "load.type", "constant is evenly spaced here; inference-perf's has random gaps", "poisson for random gaps"
    if report.goodput.limits:
        message = "goodput is a share of planned requests; inference-perf divides by successes"
        yield "report.goodput.constraints", message, "failed and missed requests count against it"
    if data.type == "shareGPT" and config.api.type == "chat":
        message = "each answer is asked as long as the recorded one; inference-perf asks 30 tokens in chat"
        yield "data.type", message, "expect longer answers than there"
    if data.type in ("random", "synthetic"):
        for key in ("input_distribution", "output_distribution"):
            yield from _distribution(f"data.{key}", getattr(data, key))
    if config.server.type == "mock" and config.server.base_url is not None:
        message = "this server is called; inference-perf's mock calls nothing"
        yield "server.base_url", message, "leave base_url out for the embedded model server"
    lifecycle = report.request_lifecycle
    if "use_server_output_tokens" in lifecycle.model_fields_set and not lifecycle.use_server_output_tokens:
        message = "the server's token count is used wherever it gives one; inference-perf counts again"
        yield "report.request_lifecycle.use_server_output_tokens", message, "the report names the source"


def _distribution(path: str, spread: Distribution | None) -> Iterator[tuple[str, str, str]]:
    if spread is None:
        return
    if spread.variance is not None:
        yield path, "variance alone is accepted; inference-perf refuses it", "the same as std_dev squared"
        return
    low, high = spread.mean - _CUT * spread.spread, spread.mean + _CUT * spread.spread
    if spread.type in ("normal", "skew_normal") and spread.spread and (low < spread.min or high > spread.max):
        message = "values outside [min, max] are drawn again; inference-perf moves them onto the bounds"
        yield path, message, "lengths do not pile up at min and max"
