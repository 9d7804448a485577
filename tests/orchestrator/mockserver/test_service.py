"""Service times: what slows them, what shortens them, what they hang on."""

from __future__ import annotations

import math
import statistics

import pytest

from orchestrator.mockserver.config import ColdStart, Drift, MockConfig
from orchestrator.mockserver.service import Service, service_for, slowdown


def test_plain_service_is_what_was_asked() -> None:
    assert service_for(MockConfig(ttft_s=0.2, itl_s=0.03), "k", 99.0, 0.0) == Service(200_000_000, 30_000_000)


def test_a_cached_share_shortens_the_first_token_only() -> None:
    assert service_for(MockConfig(ttft_s=0.2, itl_s=0.03), "k", 0.0, 0.75) == Service(50_000_000, 30_000_000)


def test_cold_start_decays() -> None:
    config = MockConfig(cold_start=ColdStart(times=5, tau_s=2))
    assert slowdown(config, 0) == 5
    assert slowdown(config, 2) == pytest.approx(1 + 4 / math.e)
    assert slowdown(config, 60) == pytest.approx(1)


def test_drift_grows_linearly_and_stays() -> None:
    config = MockConfig(drift=Drift(by=0.5, over_s=10))
    assert [slowdown(config, t) for t in (0, 5, 10, 99)] == [1, 1.25, 1.5, 1.5]


def test_both_stretch_token_gaps_too() -> None:
    config = MockConfig(ttft_s=0.1, itl_s=0.01, drift=Drift(by=1, over_s=1), cold_start=ColdStart(times=1, tau_s=1))
    assert service_for(config, "k", 5.0, 0.0) == Service(200_000_000, 20_000_000)


def test_exponential_service_has_the_mean_asked_and_hangs_on_the_key() -> None:
    config = MockConfig(ttft_s=0.1, ttft_law="exponential", seed=4)
    values = [service_for(config, f"r-{k}", 0.0, 0.0).ttft_ns / 1e9 for k in range(4000)]
    assert statistics.mean(values) == pytest.approx(0.1, rel=0.1)
    assert values == [service_for(config, f"r-{k}", 50.0, 0.0).ttft_ns / 1e9 for k in range(4000)]
