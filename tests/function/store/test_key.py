"""Examples of what is refused are in tests/suites/test_store.py; here are the laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.store.key import check_key, check_prefix, folder_prefix

TEXT = st.text(st.sampled_from("ab./é\0 \ud800~"), max_size=12) | st.text(max_size=12)


def is_key(text: str) -> bool:
    try:
        return check_key(text) == text
    except ValueError:
        return False


@given(TEXT)
def test_a_key_stays_below_its_root(text: str) -> None:
    if is_key(text):
        assert not text.startswith(("/", "."))
        assert not text.endswith("/")
        assert ".." not in text.split("/") and "." not in text.split("/") and "" not in text.split("/")
        assert text.encode().decode() == text


@given(TEXT, TEXT)
def test_keys_join_to_keys(folder: str, name: str) -> None:
    if is_key(folder) and is_key(name):
        assert is_key(folder_prefix(folder) + name)
        assert folder_prefix(folder) == folder_prefix(folder + "/")
    elif is_key(folder):
        assert not is_key(folder_prefix(folder) + name)


@given(TEXT, st.integers(0, 12))
def test_every_start_of_a_key_is_a_prefix_and_no_other_text_is(text: str, cut: int) -> None:
    if is_key(text):
        assert check_prefix(text[:cut]) == text[:cut]
    try:
        check_prefix(text)
    except ValueError:
        assert not any(is_key(text + rest) for rest in ("", "x", "/x"))
    else:
        assert is_key(text + "x")


@pytest.mark.parametrize(
    ("key", "fits"), [("é" * 127, True), ("é" * 128, False), ("a" * 255, True), ("a" * 256, False)]
)
def test_a_component_is_measured_in_bytes(key: str, fits: bool) -> None:
    assert is_key(key) is fits
    assert is_key("x/" + key) is fits


@pytest.mark.parametrize(("length", "fits"), [(1_024, True), (1_025, False)])
def test_a_key_is_measured_in_bytes(length: int, fits: bool) -> None:
    assert is_key(("a" * 203 + "/") * 5 + "b" * (length - 1_020)) is fits


def test_the_folder_of_everything() -> None:
    assert folder_prefix("") == ""
    assert check_prefix("") == ""
    for folder in ("/", "//", "a//"):
        with pytest.raises(ValueError, match="key"):
            folder_prefix(folder)
