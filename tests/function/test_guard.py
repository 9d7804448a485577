from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.contract.errors import UsageError
from function.contract.spec import SecretRef, Target
from function.guard import Guard, read_guard
from tests.function.little_run import shard_spec, workload_part

SETTINGS = {
    "BENCHCTL_ALLOWED_TARGETS": "https://llm.example.com, http://10.0.0.7:8000,https://[2001:db8::5]:8443",
    "BENCHCTL_ALLOWED_CIDRS": "10.0.0.0/16",
    "BENCHCTL_MAX_LANES": "4",
    "BENCHCTL_MAX_REQUESTS_PER_S": "100",
    "BENCHCTL_MAX_DURATION_S": "600",
    "BENCHCTL_ROOT_URI": "s3://bucket",
}
GUARD = read_guard(SETTINGS)


def target(root: str, **changes: Any) -> Target:
    return msgspec.structs.replace(Target(root=root, api="chat", streaming=True), **changes)


def refused(code: str, call: Any, *given: Any) -> UsageError:
    with pytest.raises(UsageError) as refusal:
        call(*given)
    assert refusal.value.code == code
    return refusal.value


@pytest.mark.parametrize(
    "root",
    ["https://llm.example.com", "https://LLM.example.com:443", "https://llm.example.com/prefix", "http://10.0.0.7:8000",
     "https://[2001:DB8::5]:8443"],
)  # fmt: skip
def test_a_listed_target_may_be_called_whatever_its_path(root: str) -> None:
    GUARD.check_target(target(root))


@pytest.mark.parametrize(
    "root",
    ["http://llm.example.com", "https://llm.example.com:8443", "https://llm.example.com.evil.org", "https://example.com",
     "https://a.llm.example.com", "https://llm.example.com.", "http://10.0.0.7", "http://10.0.0.8:8000",
     "http://0x0a000007:8000", "http://167772167:8000", "https://169.254.169.254", "http://[::ffff:10.0.0.7]:8000"],
)  # fmt: skip
def test_anything_else_is_refused_by_name(root: str) -> None:
    error = refused("target_refused", GUARD.check_target, target(root))
    assert error.exit_code == 2 and "list of targets" in error.message


@pytest.mark.parametrize(
    "root", ["https://user@llm.example.com", "https://llm.example.com@evil.org", "https://llm.example.com#@evil.org/"]
)
def test_urls_that_only_look_like_it_are_refused(root: str) -> None:
    with pytest.raises(UsageError):
        GUARD.check_target(target(root))


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_no_header_chooses_another_name_behind_the_same_front(name: str) -> None:
    root = "https://llm.example.com"
    refused("target_refused", GUARD.check_target, target(root, headers={name: "other.example.com"}))
    refused("target_refused", GUARD.check_target, target(root, secret_headers={name: SecretRef("aws_secret", "arn")}))


def test_an_empty_list_permits_nothing() -> None:
    for settings in ({**SETTINGS, "BENCHCTL_ALLOWED_TARGETS": ""}, {**SETTINGS, "BENCHCTL_ALLOWED_TARGETS": " , "}):
        refused("target_refused", read_guard(settings).check_target, target("https://llm.example.com"))
    without = {name: value for name, value in SETTINGS.items() if name != "BENCHCTL_ALLOWED_TARGETS"}
    refused("target_refused", read_guard(without).check_target, target("https://llm.example.com"))


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"BENCHCTL_ALLOWED_TARGETS", "BENCHCTL_ALLOWED_CIDRS"}))
def test_a_missing_cap_is_no_freedom(name: str) -> None:
    for settings in ({k: v for k, v in SETTINGS.items() if k != name}, {**SETTINGS, name: ""}):
        assert refused("guard_setting", read_guard, settings).path == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BENCHCTL_MAX_LANES", "many"),
        ("BENCHCTL_MAX_LANES", "nan"),
        ("BENCHCTL_MAX_LANES", "-1"),
        ("BENCHCTL_MAX_REQUESTS_PER_S", "inf"),
        ("BENCHCTL_MAX_DURATION_S", "0"),
        ("BENCHCTL_ALLOWED_CIDRS", "10.0.0.1/16"),
        ("BENCHCTL_ALLOWED_CIDRS", "everything"),
        ("BENCHCTL_ALLOWED_TARGETS", "*"),
        ("BENCHCTL_ALLOWED_TARGETS", "llm.example.com"),
        ("BENCHCTL_ALLOWED_TARGETS", "https://llm.example.com/v1"),
        ("BENCHCTL_ALLOWED_TARGETS", "https://user:pass@llm.example.com"),
    ],
)
def test_a_setting_that_cannot_be_read_stops_the_worker(name: str, value: str) -> None:
    assert refused("guard_setting", read_guard, {**SETTINGS, name: value}).path == name


def test_the_answer_reads_as_it_was_set() -> None:
    answer = GUARD.answer()
    assert answer.allowed_targets == (
        "https://llm.example.com:443",
        "http://10.0.0.7:8000",
        "https://[2001:db8::5]:8443",
    )
    assert answer.allowed_cidrs == ("10.0.0.0/16",)
    assert (answer.max_lanes, answer.max_requests_per_s, answer.max_duration_s) == (4, 100.0, 600.0)
    again = {**SETTINGS, "BENCHCTL_ALLOWED_TARGETS": ",".join(answer.allowed_targets)}
    assert read_guard(again) == GUARD


@pytest.mark.parametrize("run", ["s3://bucket/runs/r1", "s3://bucket/runs/2026-01-01_a.b"])
def test_a_run_below_the_root_is_served(run: str) -> None:
    GUARD.check_run(run)


@pytest.mark.parametrize(
    "run",
    ["s3://other/runs/r1", "s3://bucket2/runs/r1", "s3://bucket/r1", "s3://bucket/runs/", "s3://bucket/runs",
     "s3://bucket/runs/a/b", "s3://bucket/runs/../x", "s3://bucket/runs//r1", "/tmp/runs/r1", "file:///runs/r1", "",
     "S3://bucket/runs/r1", "https://bucket/runs/r1", "s3://bucket/runs/r1\n"],
)  # fmt: skip
def test_a_run_anywhere_else_is_not(run: str) -> None:
    refused("run_refused", GUARD.check_run, run)


# Caps.


def spec(**changes: Any) -> Any:
    return shard_spec(workload_part([0]), "https://llm.example.com", **changes)


def test_a_spec_within_the_caps_passes() -> None:
    GUARD.check_spec(spec(lanes=4, lane=3))


@pytest.mark.parametrize("changes", [{"lanes": 5}, {"lanes": 4, "lane": 4}, {"lanes": 1, "lane": 900}, {"lane": -1}])
def test_lanes_are_capped(changes: dict[str, int]) -> None:
    assert refused("cap_exceeded", GUARD.check_spec, spec(**changes)).path == "BENCHCTL_MAX_LANES"


def test_the_length_is_capped() -> None:
    GUARD.check_spec(spec(slice_start_ns=590 * 10**9, slice_end_ns=600 * 10**9))
    error = refused("cap_exceeded", GUARD.check_spec, spec(slice_start_ns=595 * 10**9, slice_end_ns=601 * 10**9))
    assert error.path == "BENCHCTL_MAX_DURATION_S"


def test_the_rate_is_capped_over_all_lanes() -> None:
    ten_s = {"slice_start_ns": 0, "slice_end_ns": 10 * 10**9}
    GUARD.check_spec(spec(requests=1000, lanes=1, **ten_s))
    GUARD.check_spec(spec(requests=250, lanes=4, **ten_s))
    for lanes, requests in ((1, 1300), (4, 400)):
        error = refused("cap_exceeded", GUARD.check_spec, spec(requests=requests, lanes=lanes, **ten_s))
        assert error.path == "BENCHCTL_MAX_REQUESTS_PER_S"


def test_the_target_is_looked_at_first() -> None:
    wrong = msgspec.structs.replace(spec(lanes=99), target=target("https://evil.org"))
    refused("target_refused", GUARD.check_spec, wrong)


@given(st.integers(1, 100), st.floats(0, 1000), st.floats(0, 1000))
def test_a_longer_stretch_allows_no_fewer(lanes: int, one: float, other: float) -> None:
    guard: Guard = GUARD
    shorter, longer = sorted((one, other))
    assert guard.most(lanes, shorter) <= guard.most(lanes, longer)
    assert guard.most(lanes, longer) >= 100 * longer / lanes
