import pytest
from pydantic import ValidationError

from orchestrator.config.server import Mock, Server
from orchestrator.mockserver.config import config_from


def test_embedded_means_mock_without_an_address() -> None:
    assert Server.model_validate({"type": "mock"}).embedded
    assert not Server.model_validate({"type": "mock", "base_url": "http://h"}).embedded
    assert not Server().embedded


def test_the_mock_server_understands_our_settings() -> None:
    written = {
        "ttft": "50ms",
        "itl": "10ms",
        "slots": 4,
        "faults": {"http_500": 0.1, "stall": 0.2},
        "stall_s": "2s",
        "seed": 3,
    }
    asked = config_from(Mock.model_validate(written).settings())
    assert (asked.ttft_s, asked.itl_s, asked.slots, asked.stall_s, asked.seed) == (0.05, 0.01, 4, 2.0, 3)
    assert (asked.faults.http_500, asked.faults.stall, asked.faults.cut) == (0.1, 0.2, 0.0)
    assert config_from(Mock().settings()) == config_from({})


def test_a_request_meets_at_most_one_fault() -> None:
    assert Mock.model_validate({"faults": {"cut": 0.1, "stall": 0.2, "http_500": 0.7}})
    with pytest.raises(ValidationError, match="add up to"):
        Mock.model_validate({"faults": {"cut": 0.5, "stall": 0.6}})


def test_the_key_is_not_shown() -> None:
    assert "hunter2" not in repr(Server.model_validate({"api_key": "hunter2"}))
