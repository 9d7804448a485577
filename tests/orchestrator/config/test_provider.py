from typing import Any

import pytest

from orchestrator.config.provider import Provider, check_environment, check_provider, secrets
from orchestrator.config.root import Config


def config(**server: Any) -> Config:
    return Config.model_validate({"server": {"base_url": "http://h", **server}})


def places(one: Config, provider: Provider) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in check_provider(one, provider)]


@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_a_literal_is_for_the_local_provider_only(provider: Provider) -> None:
    literal = Config.model_validate(
        {
            "server": {"base_url": "http://h", "api_key": "hunter2"},
            "api": {"headers": {"Authorization": "hunter2", "X-Team": "blue"}},
            "tokenizer": {"token": "hunter2"},
        }
    )
    assert places(literal, "local") == []
    problems = check_provider(literal, provider)
    assert [(p.path, p.code) for p in problems] == [
        ("server.api_key", "secret_literal"),
        ("api.headers.Authorization", "secret_literal"),
    ]
    assert f"{provider}_secret" in problems[0].hint and "hunter2" not in str(problems)


@pytest.mark.parametrize(
    ("reference", "fine_on"),
    [("env", {"local", "gcp"}), ("aws_secret", {"aws"}), ("gcp_secret", {"gcp"})],
)
def test_a_reference_is_read_where_it_lives(reference: str, fine_on: set[str]) -> None:
    one = config(api_key={reference: "NAME"})
    for provider in ("local", "aws", "gcp"):
        expected = [] if provider in fine_on else [("server.api_key", "secret_provider")]
        assert places(one, provider) == expected  # type: ignore[arg-type]


def test_a_cloud_cannot_reach_the_embedded_server() -> None:
    one = Config.model_validate({"server": {"type": "mock"}})
    assert places(one, "local") == []
    assert places(one, "aws") == [("server.type", "mock_local")]


def test_files_of_this_machine_are_not_there_on_a_cloud() -> None:
    one = config(ca_file="ca.pem", cert_path="c.pem", key_path="k.pem")
    assert places(one, "local") == []
    assert places(one, "aws") == [(f"server.{key}", "file_local") for key in ("ca_file", "cert_path", "key_path")]


def test_a_cloud_needs_a_longer_lease() -> None:
    one = Config.model_validate({"server": {"base_url": "http://h"}, "fanout": {"lease": 8}})
    assert places(one, "local") == []
    assert places(one, "gcp") == [("fanout.lease", "impossible")]


def test_variables_that_are_not_set_are_told() -> None:
    one = Config.model_validate(
        {"server": {"base_url": "http://h", "api_key": {"env": "A"}}, "api": {"headers": {"X": {"env": "B"}, "Y": "y"}}}
    )
    assert [path for path, _ in secrets(one)] == ["server.api_key", "api.headers.X", "api.headers.Y"]
    assert check_environment(one, {"A": "a", "B": "b"}) == ()
    assert [(p.path, p.code) for p in check_environment(one, {"A": "", "B": "b"})] == [("server.api_key", "env_unset")]
