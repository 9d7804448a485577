"""The exposition: vLLM's names, types and buckets; numbers that add up."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.metrics import Finished, Histogram, Meter, Now

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "vllm_shapes.json").read_text())
IDLE = Now(0, 0, 0, 0.0)
MS = 1_000_000


def value(text: str, name: str, **labels: str) -> float:
    for line in text.splitlines():
        if line.startswith(name + "{") and all(f'{key}="{label}"' in line for key, label in labels.items()):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {name} {labels}")


def test_names_types_and_buckets_are_vllms() -> None:
    meter = Meter("m")
    meter.answered("POST", "/v1/completions", 200)
    text = meter.render(IDLE)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert types == {name: kind for kind, names in GOLDEN["metric_names"].items() for name in names}
    for name, bounds in GOLDEN["metric_buckets"].items():
        assert re.findall(rf'^{name}_bucket{{[^}}]*le="([^"]+)"', text, re.M) == bounds


def test_every_line_is_well_formed() -> None:
    meter = Meter('quo"te\\d')
    meter.finished(3, Finished("length", 0, 0, [1 * MS, 2 * MS], 1))
    for line in meter.render(IDLE).splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|[a-z_:0-9A-Z]+\{([a-z_]+="([^"\\]|\\.)*",?)*\} [0-9.e+-]+', line), line


def test_a_finished_request_is_in_every_histogram() -> None:
    meter = Meter("m")
    meter.admitted(7, 4, queried=True)
    meter.finished(7, Finished("length", 0, 20 * MS, [50 * MS, 60 * MS, 80 * MS], 2))
    text = meter.render(Now(2, 3, 11, 0.25))
    assert value(text, "vllm:request_success_total", finished_reason="length") == 1
    assert value(text, "vllm:generation_tokens_total") == 3 * 2 + 11
    assert value(text, "vllm:prompt_tokens_total") == value(text, "vllm:prefix_cache_queries_total") == 7
    assert value(text, "vllm:prefix_cache_hits_total") == 4
    assert value(text, "vllm:num_requests_running") == 2
    assert value(text, "vllm:num_requests_waiting") == 3
    assert value(text, "vllm:kv_cache_usage_perc") == 0.25
    sums = {
        "time_to_first_token_seconds": 0.05,
        "inter_token_latency_seconds": 0.03,
        "request_time_per_output_token_seconds": 0.015,
        "e2e_request_latency_seconds": 0.08,
        "request_queue_time_seconds": 0.02,
        "request_inference_time_seconds": 0.06,
        "request_prefill_time_seconds": 0.03,
        "request_decode_time_seconds": 0.03,
    }
    for name, total in sums.items():
        assert abs(value(text, f"vllm:{name}_sum") - total) < 1e-12
        assert value(text, f"vllm:{name}_count") == (2 if name == "inter_token_latency_seconds" else 1)


def test_an_aborted_request_counts_its_tokens_but_no_latency() -> None:
    meter = Meter("m")
    meter.finished(7, Finished("abort", 0, 0, [5 * MS], 1))
    meter.finished(7, Finished("abort", 0, None, [], 1))
    text = meter.render(IDLE)
    assert value(text, "vllm:request_success_total", finished_reason="abort") == 2
    assert value(text, "vllm:generation_tokens_total") == 1
    assert value(text, "vllm:e2e_request_latency_seconds_count") == 0


@given(st.lists(st.lists(st.one_of(st.floats(0, 10), st.sampled_from([0.5, 1.0, 5.0])), max_size=10), max_size=5))
def test_buckets_are_cumulative_counts_however_values_come(batches: list[list[float]]) -> None:
    bounds = (0.5, 1.0, 5.0)
    histogram = Histogram(bounds)
    for batch in batches:
        if len(batch) == 1:
            histogram.add(batch[0])
        else:
            histogram.add_all(batch)
    values = [value for batch in batches for value in batch]
    lines = list(histogram.lines("h", 'a="b"'))
    counts = [float(line.rpartition(" ")[2]) for line in lines[:4]]
    assert counts == [sum(value <= bound for value in values) for bound in (*bounds, float("inf"))]
    assert lines[4] == f'h_count{{a="b"}} {float(len(values))}'
