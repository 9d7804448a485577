import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.config.nearest import clearly, likeness, nearest
from orchestrator.config.root import Config

KEYS = sorted(Config.known_keys())
words = st.text("abcdefghij_", min_size=1, max_size=12)


@given(words, words)
def test_likeness_lies_between_0_and_1_and_case_does_not_count(a: str, b: str) -> None:
    assert 0 <= likeness(a, b) <= 1
    assert likeness(a.upper().replace("_", "-"), b) == likeness(a, b)


@given(st.sampled_from(KEYS), st.integers(0, 30), st.sampled_from("abcxyz"))
def test_one_wrong_letter_still_finds_the_section(key: str, place: int, letter: str) -> None:
    place %= len(key)
    assume(len(key) > 4)
    assert nearest(key[:place] + letter + key[place + 1 :], KEYS) == key


@given(st.sampled_from(KEYS))
def test_the_word_itself_wins(key: str) -> None:
    assert nearest(key, KEYS) == key == clearly(key, KEYS)


@pytest.mark.parametrize(
    ("word", "candidates", "meant"),
    [
        ("std", ["min", "max", "std_dev"], "std_dev"),
        ("timeout", ["interval", "request_timeout"], "request_timeout"),
        ("baseUrl", ["base_url", "api_key"], "base_url"),
        ("zebra", ["min", "max"], None),
        ("x", [], None),
    ],
)
def test_what_people_mean(word: str, candidates: list[str], meant: str | None) -> None:
    assert nearest(word, candidates) == meant
