from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.breakers import CircuitBreaker


def breaker(*triggers: Any, **more: Any) -> CircuitBreaker:
    matches = {"matches": ["error.error_type == 'TimeoutError'"]}
    return CircuitBreaker.model_validate({"name": "a", "metrics": matches, "triggers": list(triggers), **more})


def test_theirs() -> None:
    one = breaker(
        {"type": "consecutive", "threshold": 10},
        {"type": "rate_over_window", "window_sec": 2.5, "threshold": 0.8, "min_samples": 2},
        surprise=1,
    )
    assert [trigger.threshold for trigger in one.triggers] == [10, 0.8]


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "consecutive", "threshold": 0},
        {"type": "consecutive", "threshold": 1.5},
        {"type": "rate_over_window", "threshold": 0.5},
        {"type": "rate_over_window", "threshold": 80, "window_sec": 1},
        {"type": "rate_over_window", "threshold": 0.5, "window_sec": 0},
        {"type": "often", "threshold": 1},
    ],
)
def test_refused(trigger: Any) -> None:
    with pytest.raises(ValidationError):
        breaker(trigger)
