import pytest
from pydantic import ValidationError

from orchestrator.config.report import Report


def test_limits_are_what_was_given_in_seconds() -> None:
    report = Report.model_validate({"goodput": {"constraints": {"ttft": "300ms", "itl": 0.018, "tpot": None}}})
    assert report.goodput.limits == {"ttft": 0.3, "itl": 0.018}
    assert Report().goodput.limits == {} == Report.model_validate({"goodput": None}).goodput.limits


@pytest.mark.parametrize("percentiles", [[], [50, 50], [101], [-1], ["p50"], [True]])
def test_percentiles_are_numbers_between_0_and_100_each_once(percentiles: list[object]) -> None:
    with pytest.raises(ValidationError):
        Report.model_validate({"request_lifecycle": {"percentiles": percentiles}})


def test_null_is_the_default() -> None:
    report = Report.model_validate({"request_lifecycle": {"summary": None}, "prometheus": None})
    assert report == Report()
