"""Whole configs as people write them, good and bad."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.codec import encode
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.loading import Loaded, load_config
from orchestrator.config.provider import check_provider
from orchestrator.config.yaml_text import dump
from orchestrator.outcome import Problem
from orchestrator.plan.target import secret_headers, target

GOOD = """
server: {type: mock}
load: {stages: [{rate: 30, duration: 30s}]}
"""


def refused(text: str, *sets: str, env: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(text + "\n", sets, env or {})
    assert caught.value.exit_code == 2
    return caught.value.problems


def places(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in problems]


def load(text: str, *sets: str, env: dict[str, str] | None = None) -> Loaded:
    return load_config(text + "\n", sets, env or {})


def test_a_good_config_is_quiet() -> None:
    loaded = load(GOOD)
    assert loaded.problems == () and loaded.config.load.stages[0].rate == 30.0


def test_a_section_swallowed_by_the_one_above_is_one_problem() -> None:
    """Not also: no data, no prompts, no distributions."""
    [problem] = refused(
        """
load:
  type: concurrent
  stages: [{num_requests: 40, concurrency_level: 4}]
api: {type: completion}
server: {type: vllm, base_url: "http://127.0.0.1:8100"}
tokenizer:
  pretrained_model_name_or_path: acme/llama-small
  data:
    type: random
    input_distribution: {min: 64, max: 256, mean: 128, std_dev: 32}
"""
    )
    assert (problem.path, problem.code) == ("tokenizer.data", "unknown_key")
    assert "top-level section" in problem.message and "`data:`" in problem.hint


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("server: {type: mock}\napi:\n  streaming: true\n  load: {stages: [{rate: 1, duration: 1}]}", "api.load"),
        ("load: {stages: [{rate: 1, duration: 1}]}\napi: {server: {type: mock}}", "api.server"),
        (GOOD + "storage: {report: {goodput: {constraints: {ttft: 1}}}}", "storage.report"),
        ("server: {type: mock}\nstages: [{rate: 1, duration: 1}]", "stages"),
        ("server: {type: mock}\nlaod: {stages: [{rate: 1, duration: 1}]}", "laod"),
        ("server: {type: mock}\nload: {stagse: [{rate: 1, duration: 1}]}", "load.stagse"),
        ("load: {stages: [{rate: 1, duration: 1}]}\nserver: {baseurl: http://h}", "server.baseurl"),
        ("load: {stages: [{rate: 1, duration: 1}]}\nbase_url: http://h", "base_url"),
        (GOOD + "storage: {google_cloud_storage: {bucketname: b}}", "storage.google_cloud_storage.bucketname"),
    ],
)
def test_what_stands_in_the_wrong_place_is_not_also_missing(text: str, path: str) -> None:
    assert places(refused(text)) == [(path, "unknown_key")]


def test_nulls_for_other_load_types_and_lengths_without_spread() -> None:
    loaded = load(
        """
load:
  type: constant
  stages:
  - {rate: 38, duration: 150, num_requests: null, concurrency_level: null}
  num_workers: 38
  worker_max_concurrency: 100
  sweep: null
  trace: null
api: {type: completion, streaming: true, headers: null}
server: {type: vllm, model_name: mock, base_url: "http://127.0.0.1:8100", ignore_eos: true, api_key: null}
tokenizer: {pretrained_model_name_or_path: acme/llama-small, trust_remote_code: null}
data:
  type: random
  path: null
  input_distribution: {min: 700, max: 700, mean: 700, std_dev: 0}
  output_distribution: {min: 90, max: 90, mean: 90, std_dev: 0}
metrics: null
report: {request_lifecycle: {summary: true, per_stage: true, per_request: true}}
storage: {local_storage: {path: ./out}}
"""
    )
    assert places(loaded.problems) == [("load.worker_max_concurrency", "no_effect")]
    assert loaded.config.load.num_workers == 38 and loaded.config.server.api_key is None


def test_every_problem_at_once() -> None:
    problems = refused(
        """
server: {type: vlm, api_key: ${KEY}}
load: {type: constant, stages: [{rate: fast, duration: 60s}, {rate: 5}], intervall: 3}
data: {type: file, path: nowhere.jsonl}
fanout: {lease: 2s}
report: {goodput: {constraints: {ttft: 1}}}
api: {}
api: {}
""".replace("${KEY}", '"${KEY}"')
    )
    assert sorted(places(problems)) == [
        ("api", "duplicate_key"),
        ("data.path", "file_not_found"),
        ("fanout.lease", "impossible"),
        ("load.intervall", "unknown_key"),
        ("load.stages.0.rate", "wrong_type"),
        ("load.stages.1.duration", "missing_key"),
        ("report.goodput.constraints.ttft", "impossible"),
        ("server.api_key", "env_unset"),
        ("server.type", "wrong_value"),
    ]
    assert all(problem.message and problem.hint for problem in problems)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (
            "server: {type: mock}\nload: {typ: concurrent, stages: [{concurrency_level: 1, num_requests: 1}]}",
            "load.typ",
        ),
        (
            "server: {type: mock}\nload: {type: concurent, stages: [{concurrency_level: 1, num_requests: 1}]}",
            "load.type",
        ),
        (
            "server: {type: mock}\nload: {stages: [{rate: 1, rate_ende: 3, steps: 3, duration: 1}]}",
            "load.stages.0.rate_ende",
        ),
        (
            "server: {type: mock}\nload: {stages: [{rate: 1, rate_end: x, steps: 3, duration: 1}]}",
            "load.stages.0.rate_end",
        ),
        (
            "server: {type: mock}\nload: {stages: [{rate: 0, spike: {rate: x, at: 0, for: 1}, duration: 1}]}",
            "load.stages.0.spike.rate",
        ),
        ("server: {type: mock}\nload: {rate: 1, duration: 1}", "load.rate"),
        ("server: {typ: mock}\nload: {stages: [{rate: 1, duration: 1}]}", "server.typ"),
        (GOOD + "data: {type: rando, input_distribution: 5, output_distribution: 5}", "data.type"),
    ],
)
def test_what_follows_from_a_bad_key_is_not_said(text: str, path: str) -> None:
    assert {found for found, _ in places(refused(text))} - {"load.duration"} == {path}


def test_a_place_is_blamed_once() -> None:
    assert places(refused(GOOD + 'api: {streaming: "${NOPE}"}')) == [("api.streaming", "env_unset")]
    assert places(refused(GOOD + "api: {on: 1}\n1: 2")) == [("api.on", "key_not_text"), ("1", "key_not_text")]
    assert places(refused("server: {type: mock}\nload: {stages: [{rate: x, duration: 1}]}")) == [
        ("load.stages.0.rate", "wrong_type")
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "config_empty"),
        ("# nothing", "config_empty"),
        ("null", "config_empty"),
        ("- a", "config_not_mapping"),
        ("hello", "config_not_mapping"),
        ("a: [", "yaml"),
        ("a: 1\n b: 2", "yaml"),
    ],
)
def test_what_is_no_config(text: str, code: str) -> None:
    assert [problem.code for problem in refused(text)] == [code]


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path, env={})
    assert (caught.value.code, str(path) in caught.value.message) == ("config_not_found", True)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(str(tmp_path), env={})
    assert caught.value.code == "config_not_found"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_config(path, env={}).config == load(GOOD).config
    path.write_bytes(b"load: \xff\n")
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path, env={})
    assert caught.value.code == "yaml"


def test_paths_are_found_beside_the_config_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "c.json").write_text("[]")
    (home / "a.yaml").write_text(GOOD + "data: {type: shareGPT, path: data/c.json}\n")
    monkeypatch.chdir(tmp_path)
    loaded = load_config("home/a.yaml", env={})
    assert loaded.config.data.path is not None and Path(loaded.config.data.path).samefile(home / "data" / "c.json")
    assert "path: data/c.json" in loaded.redacted_yaml
    monkeypatch.chdir(home)
    assert load_config("a.yaml", env={}).config.data.path == "data/c.json"


def test_sets_come_before_the_environment_and_checks() -> None:
    loaded = load(GOOD, "load.stages.0.rate=${RATE}", "load.stages.1={rate: 1, duration: 2s}", env={"RATE": "12.5"})
    assert [stage.rate for stage in loaded.config.load.stages] == [12.5, 1.0]
    assert places(refused(GOOD, "load.stages.0.rate=-1")) == [("load.stages.0.rate", "wrong_value")]
    assert places(refused(GOOD, "load.stags=1", "load.x=1")) == [("--set", "set_refused")] * 2
    assert load("server: {type: mock}", "load.stages.0={rate: 1, duration: 1}").config.load.stages[0].rate == 1


def test_one_error_lends_its_words_to_the_exception() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(GOOD + "api: {typ: chat}\n", env={})
    assert (caught.value.code, caught.value.path) == ("unknown_key", "api.typ")
    with pytest.raises(ConfigInvalid) as caught:
        load_config("{}\n", env={})
    assert caught.value.code == "config_invalid" and "2 problems" in caught.value.message


SECRETS = """
server: {type: vllm, base_url: "http://h", api_key: hunter2-key}
load: {stages: [{rate: 30, duration: 30s}]}
api: {headers: {Authorization: hunter2-auth, X-Team: "${TEAM}", Cookie: {env: JAR}}}
tokenizer: {token: "${TOKEN}"}
"""
ENV = {"TEAM": "hunter2-team", "TOKEN": "hunter2-token"}


def test_literal_secrets_warn_and_show_nowhere() -> None:
    loaded = load(SECRETS, env=ENV)
    assert places(loaded.problems) == [
        ("server.api_key", "secret_literal"),
        ("tokenizer.token", "secret_literal"),
        ("api.headers.Authorization", "secret_literal"),
    ]
    assert all(problem.severity == "warning" for problem in loaded.problems)
    assert "{env: TOKEN}" in loaded.problems[1].hint
    for shown in (repr(loaded), str(loaded), repr(loaded.config), loaded.redacted_yaml, str(loaded.problems)):
        assert "hunter2" not in shown
    assert loaded.redacted_yaml.count("***") == 4 and "env: JAR" in loaded.redacted_yaml
    assert loaded.config.api.headers["X-Team"].literal.get_secret_value() == "hunter2-team"  # type: ignore[union-attr]


@pytest.mark.parametrize("broken", ["api: {type: nonsense}", "load: 5", "fanout: {lease: 1}", "x: {"])
def test_secrets_do_not_show_in_errors_either(broken: str) -> None:
    text = SECRETS.replace("api_key: hunter2-key", "api_key: [hunter2-key]") + broken + "\n"
    try:
        load_config(text, ["server.api_key=hunter2", "tokenizer.token.x=hunter2", "hunter2"], ENV)
    except ConfigInvalid as error:
        shown = "".join(traceback.format_exception(error)) + str(error.problems)
    # the test's own source line is part of the traceback
    assert "hunter2" not in shown.replace('["server.api_key=hunter2", "tokenizer.token.x=hunter2", "hunter2"]', "")


def test_the_redacted_config_loads_again_to_the_same() -> None:
    text = (
        GOOD
        + 'api: {type: chat, extra_body: {stop: "$${X}", t: "${T}"}, headers: {X-A: {env: A}}}\ndata: {unique: no}\n'
    )
    first = load(text, env={"T": "0.5"})
    again = load_config(first.redacted_yaml, env={})
    assert again.config == first.config
    assert first.config.api.extra_body == {"stop": "${X}", "t": 0.5}
    assert load_config(again.redacted_yaml, env={}).redacted_yaml == first.redacted_yaml


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})
sections = st.sampled_from(["api", "data", "load", "server", "fanout", "report", "metrics", "circuit_breakers", "zz"])
keys = st.sampled_from(
    ["type", "stages", "path", "lease", "base_url", "api_key", "headers", "goodput", "spike", "rate"]
)
nested = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


@given(st.dictionaries(sections, nested, min_size=1, max_size=4))
def test_nonsense_is_refused_in_words_never_with_a_traceback(tree: dict[str, Any]) -> None:
    try:
        load_config(dump(tree) + "\n", env={})
    except ConfigInvalid as error:
        assert error.problems and all(
            isinstance(problem.message, str) and problem.message for problem in error.problems
        )


def test_a_stray_key_hides_nothing_of_a_section_that_is_there() -> None:
    text = "server: {type: mock}\nlod: 1\nload: {type: constant, stages: [{concurrency_level: 3}]}"
    assert places(refused(text)) == [
        ("lod", "unknown_key"),
        ("load.stages.0.concurrency_level", "impossible"),
        ("load.stages.0.rate", "missing_key"),
        ("load.stages.0.duration", "missing_key"),
    ]


def test_a_bad_key_hides_nothing_beside_it() -> None:
    assert sorted(places(refused(GOOD + "fanout: {lanes: 0, lease: 2s, slice: 0}"))) == [
        ("fanout.lanes", "wrong_value"),
        ("fanout.lease", "impossible"),
        ("fanout.slice", "wrong_value"),
    ]


def test_one_place_may_have_two_faults() -> None:
    split = "[{name: a, split: 0.5}, {name: a, split: 0.4}]"
    text = f"server: {{type: mock}}\nload: {{stages: [{{rate: 1, duration: 1}}], lora_traffic_split: {split}}}"
    assert places(refused(text)) == [("load.lora_traffic_split", "impossible")] * 2


FAULTS: dict[str, list[tuple[dict[str, Any], set[str]]]] = {
    "api": [
        ({"streaming": "maybe"}, {"api.streaming"}),
        ({"headers": {"a b": "c"}}, {"api.headers"}),
        ({"stream": True}, {"api.stream"}),
        ({"extra_body": {"model": "m"}, "type": "chats"}, {"api.extra_body", "api.type"}),
    ],
    "data": [
        ({"type": "file"}, {"data.path"}),
        ({"type": "synthetic"}, {"data.input_distribution", "data.output_distribution"}),
        ({"use_chat_template": True}, {"data.use_chat_template"}),
    ],
    "load": [
        (
            {"stages": [{"concurrency_level": 3}]},
            {f"load.stages.0.{k}" for k in ("concurrency_level", "rate", "duration")},
        ),
        ({"stages": [{"rate": -1}]}, {"load.stages.0.rate", "load.stages.0.duration"}),
        ({"type": "concurrent", "stages": [{"num_requests": 3}]}, {"load.stages.0.concurrency_level"}),
        (
            {"stages": [{"rate": 1, "duration": 1}], "burstiness": 2, "circuit_breakers": ["b"], "interval": "x"},
            {"load.burstiness", "load.circuit_breakers.0", "load.interval"},
        ),
        ({"stages": []}, {"load.stages"}),
    ],
    "server": [
        ({}, {"server.base_url"}),
        ({"ignore_eos": 3}, {"server.ignore_eos", "server.base_url"}),
        ({"base_url": "http://h", "mock": {}}, {"server.mock"}),
    ],
    "fanout": [
        ({"lanes": 0, "lease": "2s", "slice": 0}, {"fanout.lanes", "fanout.lease", "fanout.slice"}),
        ({"regions": ["a", "a"], "lease": 1}, {"fanout.regions.1", "fanout.lease"}),
    ],
    "report": [({"request_lifecycle": {"percentiles": [101]}}, {"report.request_lifecycle.percentiles.0"})],
}
SOUND = {"server": {"type": "mock"}, "load": {"stages": [{"rate": 1, "duration": 1}]}}


def faults(tree: dict[str, Any]) -> set[str]:
    return {problem.path for problem in refused(dump({**SOUND, **tree})) if problem.severity == "error"}


@pytest.mark.parametrize("section", FAULTS)
def test_the_faults_are_told_alone(section: str) -> None:
    for fault, expected in FAULTS[section]:
        assert expected == faults({section: fault})


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(some) for name, some in FAULTS.items()}))
def test_faults_of_different_sections_do_not_hide_each_other(
    chosen: dict[str, tuple[dict[str, Any], set[str]]],
) -> None:
    if chosen:
        told = faults({name: fault for name, (fault, _) in chosen.items()})
        assert told == set().union(*(expected for _, expected in chosen.values()))


CREDENTIALS = """
api:
  headers: {X-Team: "Bearer SEK-1", X-Other: "basic SEK-2", X-From: "${HARMLESS}", X-Plain: blue}
  extra_body: {user_key: SEK-4, metadata: {token: SEK-5}, stop_token_ids: [1], top_p: 0.5, flag_token: true,
    tool: {properties: {token: {type: string}}}}
"""


def test_what_is_a_secret_by_its_form_or_origin_is_one_by_any_name() -> None:
    loaded = load(GOOD + CREDENTIALS, env={"HARMLESS": "SEK-3"})
    assert places(loaded.problems) == [
        ("api.headers.X-Team", "secret_literal"),
        ("api.headers.X-Other", "secret_literal"),
        ("api.extra_body.user_key", "secret_literal"),
        ("api.extra_body.metadata", "secret_literal"),
    ]
    assert "SEK" not in loaded.redacted_yaml and "SEK" not in repr(loaded)
    assert "blue" in loaded.redacted_yaml and "string" in loaded.redacted_yaml
    spec = encode(target(loaded.config, "http://h", {}, ()))
    assert b"SEK" not in spec and b"blue" in spec and b"top_p" in spec
    kept = {value.get_secret_value() for value in secret_headers(loaded.config).environment.values()}
    assert kept == {"Bearer SEK-1", "basic SEK-2", "SEK-3", '"SEK-4"', '{"token":"SEK-5"}'}


def test_no_cloud_is_given_such_a_secret() -> None:
    loaded = load(GOOD + CREDENTIALS, env={"HARMLESS": "SEK-3"})
    refused_places = {one.path for one in check_provider(loaded.config, "aws") if one.code == "secret_literal"}
    headers = {f"api.headers.{name}" for name in ("X-Team", "X-Other", "X-From")}
    assert refused_places == headers | {"api.extra_body.user_key", "api.extra_body.metadata"}


def test_a_member_of_the_body_from_the_environment_is_no_literal() -> None:
    assert load(GOOD + 'api: {extra_body: {user_key: "${K}"}}', env={"K": "SEK"}).problems == ()
