"""The defaults that people rely on, as the interface gives them."""

import pytest
from pydantic import ValidationError

from orchestrator.config.root import Config


def test_eleven_sections() -> None:
    theirs = {"api", "data", "load", "metrics", "report", "storage", "server", "tokenizer", "circuit_breakers"}
    assert set(Config.known_keys()) == theirs | {"fanout", "budget"}


def test_fanout() -> None:
    fanout = Config().fanout
    assert (fanout.lanes, fanout.slice, fanout.lead, fanout.start_delay, fanout.drain) == ("auto",) * 5
    assert (fanout.lane_ceiling.requests_per_s, fanout.lane_ceiling.streams) == ("auto", "auto")
    assert (fanout.ready.min, fanout.ready.timeout, fanout.lease) == (1.0, 60.0, 30.0)
    assert (fanout.max_lateness, fanout.flush, fanout.regions) == (5.0, 5.0, ())


def test_budget_and_load() -> None:
    config = Config()
    assert all(value is None for value in config.budget.model_dump().values())
    load = config.load
    assert (load.type, load.burstiness, load.base_seed, load.interval) == ("constant", 1.0, None, 1.0)
    assert (load.max_concurrency, load.num_workers, load.stages) == (None, None, ())
    limits = load.request_timeout
    assert (limits.connect, limits.first_token, limits.idle, limits.total) == (10.0, None, None, 300.0)


def test_the_rest() -> None:
    config = Config()
    assert (config.api.type, config.api.streaming, config.api.headers, config.api.extra_body) == (
        "completion",
        False,
        {},
        {},
    )
    assert (config.data.type, config.data.unique) == ("mock", True)
    assert (config.server.type, config.server.ignore_eos, config.server.transport) == ("vllm", True, "auto")
    assert config.report.request_lifecycle.percentiles == (0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
    assert config.metrics.type == "default" and config.circuit_breakers == ()
    assert config.storage.local_storage.path is None


def test_nothing_edits_a_config() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.load = config.load  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.load.stages = ()  # type: ignore[misc]
