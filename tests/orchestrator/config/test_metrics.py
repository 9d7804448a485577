from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.metrics import Metrics

URL = "http://localhost:9090"


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"type": "default"},
        {"type": "prometheus", "prometheus": {"url": URL, "filters": ['namespace="x"']}},
        {"type": "prometheus", "prometheus": {"google_managed": True, "url": None}},
    ],
)
def test_accepted(metrics: Any) -> None:
    assert Metrics.model_validate(metrics)


@pytest.mark.parametrize(
    "metrics",
    [
        {"type": "prometheus"},
        {"prometheus": {}},
        {"prometheus": {"url": URL, "google_managed": True}},
        {"prometheus": {"url": "x"}},
        {"prometheus": {"url": URL, "filters": [{"namespace": "x"}]}},
    ],
)
def test_refused(metrics: Any) -> None:
    with pytest.raises(ValidationError):
        Metrics.model_validate(metrics)


def test_a_password_in_the_url_is_not_shown() -> None:
    metrics = Metrics.model_validate({"prometheus": {"url": "http://me:hunter2@h"}})
    assert "hunter2" not in repr(metrics)
