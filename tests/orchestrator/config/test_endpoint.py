import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orchestrator.config.endpoint import checked_base_url, endpoint_root


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100"),
        ("http://127.0.0.1:8100/", "http://127.0.0.1:8100"),
        ("http://127.0.0.1:8100/v1", "http://127.0.0.1:8100"),
        ("http://127.0.0.1:8100/v1/", "http://127.0.0.1:8100"),
        ("http://127.0.0.1:8100/proxy/team-a", "http://127.0.0.1:8100/proxy/team-a"),
        ("http://127.0.0.1:8100/proxy/team-a/v1/", "http://127.0.0.1:8100/proxy/team-a"),
        ("http://h/v1/chat/completions", "http://h"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("https://h/openai/v1//", "https://h/openai"),
        ("http://h/v1beta", "http://h/v1beta"),
        ("http://v1", "http://v1"),
    ],
)
def test_one_root_however_it_was_written(written: str, root: str) -> None:
    assert checked_base_url(written) == written
    assert endpoint_root(written) == root


segments = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).filter(lambda s: s != "v1"), max_size=3)


@given(segments, st.sampled_from(["", "/", "//", "/v1", "/v1/", "/v1/models", "/v1/chat/completions/"]))
def test_never_twice_v1_and_the_prefix_stays(path: list[str], ending: str) -> None:
    prefix = "http://host:8000" + "".join(f"/{segment}" for segment in path)
    assert endpoint_root(prefix + ending) == prefix == endpoint_root(endpoint_root(prefix + ending))


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "host:8000",
        "host",
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:0",
        "http://h?x=1",
        "http://h#f",
        "http://a b",
        "http://[::1",
    ],
)
def test_what_cannot_be_called_is_refused(bad: str) -> None:
    with pytest.raises(PydanticCustomError):
        checked_base_url(bad)


@pytest.mark.parametrize(
    "url", ["http://u:hunter2@h", "u:hunter2@h", "http://h/@x hunter2", "http://u:hunter2@h:99999"]
)
def test_credentials_are_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(PydanticCustomError) as refusal:
        checked_base_url(url)
    assert "hunter2" not in str(refusal.value)


def test_a_bare_host_gets_the_whole_url_as_a_hint() -> None:
    with pytest.raises(PydanticCustomError) as refusal:
        checked_base_url("localhost:8000/v1")
    assert refusal.value.context is not None and refusal.value.context["hint"] == "http://localhost:8000/v1"
