"""Settings: defaults, round trip, and every refusal naming its key."""

from __future__ import annotations

import dataclasses
import json

import pytest

from orchestrator.mockserver.config import Faults, MockConfig, MockConfigError, Pause, as_mapping, config_from


def test_an_empty_mapping_gives_the_defaults() -> None:
    config = config_from({})
    assert config == MockConfig()
    assert (config.ttft_s, config.itl_s, config.slots, config.faults) == (0.05, 0.01, None, Faults())


def test_a_config_survives_json() -> None:
    config = MockConfig(ttft_s=1, slots=3, faults=Faults(cut=0.5, stall=0.5), pause=Pause(for_s=1, every_s=3), seed=9)
    assert config_from(json.loads(json.dumps(as_mapping(config)))) == config


def test_it_is_frozen_and_hides_its_key() -> None:
    config = MockConfig(api_key="sk-secret")
    assert "sk-secret" not in repr(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.ttft_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ttft": 1}, ["ttft", "ttft_s"]),
        ({"faults": {"http500": 1}}, ["faults.http500", "faults.http_500"]),
        ({"faults": {"cut": 1.5}}, ["faults.cut"]),
        ({"faults": {"cut": 0.6, "stall": 0.6}}, ["add up"]),
        ({"faults": {"cut": "much"}}, ["faults.cut"]),
        ({"slots": 0}, ["slots"]),
        ({"slots": 1.5}, ["slots"]),
        ({"itl_s": -1}, ["itl_s"]),
        ({"itl_s": float("nan")}, ["itl_s"]),
        ({"ttft_law": "gamma"}, ["ttft_law"]),
        ({"pause": {"for_s": 1}}, ["pause", "at_s", "every_s"]),
        ({"pause": {"for_s": 2, "every_s": 1}}, ["pause.every_s"]),
        ({"pause": {"for_s": 2, "at_s": -1}}, ["pause"]),
        ({"cold_start": {"times": 3}}, ["tau_s"]),
        ({"cold_start": {"times": 3, "tau_s": 0}}, ["cold_start.tau_s"]),
        ({"drift": {"by": 1, "over_s": 0}}, ["drift.over_s"]),
    ],
)
def test_a_bad_setting_is_refused_by_name(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(MockConfigError) as refusal:
        config_from(values)
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


def test_all_ranges_are_reported_together() -> None:
    with pytest.raises(MockConfigError, match=r"ttft_s.*itl_s"):
        MockConfig(ttft_s=-1, itl_s=-1)


def test_ten_tenths_are_one() -> None:
    assert Faults(*[1 / 9] * 9) == MockConfig(faults=Faults(*[1 / 9] * 9)).faults
