from typing import Any

import pytest

from orchestrator.config.load import Load, Stage, Timeouts


@pytest.mark.parametrize(
    ("stage", "shape"),
    [
        ({"rate": 1, "duration": 1}, "constant"),
        ({"rate": 1, "rate_end": 2, "duration": 1}, "ramp"),
        ({"rate": 1, "rate_end": 2, "steps": 3, "duration": 1}, "steps"),
        ({"rate": 1, "spike": {"rate": 2, "at": 0, "for": 1}, "duration": 1}, "spike"),
        ({"rate": 1, "sine": {"amplitude": 1, "period": 1}, "duration": 1}, "sine"),
    ],
)
def test_the_shape_of_a_stage(stage: dict[str, Any], shape: str) -> None:
    assert Stage.model_validate(stage).shape == shape


@pytest.mark.parametrize("written", [5, 5.0, "5s", "5000ms", {"total": "5s"}])
def test_a_duration_alone_is_the_total(written: Any) -> None:
    assert Load.model_validate({"request_timeout": written}).request_timeout == Timeouts(total=5.0)


def test_no_limit_and_the_defaults() -> None:
    limits = Timeouts.model_validate({"connect": None, "idle": "3s"})
    assert (limits.connect, limits.first_token, limits.idle, limits.total) == (10.0, None, 3.0, 300.0)


def test_attributes_are_the_keys_and_for_is_for_() -> None:
    stage = Stage.model_validate({"rate": "12.5", "duration": "1m", "spike": {"rate": 3, "at": "500ms", "for": "1s"}})
    assert (stage.rate, stage.duration, stage.spike and stage.spike.at, stage.spike and stage.spike.for_) == (
        12.5,
        60,
        0.5,
        1,
    )
