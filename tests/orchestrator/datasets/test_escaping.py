from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.errors import UsageError
from orchestrator.datasets.escaping import inside, is_unicode, parse, read


@settings(deadline=None)
@given(text=st.text())
def test_the_inside_of_a_string_reads_back_in_quotes(text: str) -> None:
    if is_unicode(text):
        assert json.loads(b'"' + inside(text) + b'"') == text


def test_half_a_surrogate_pair_is_not_unicode() -> None:
    assert not is_unicode("a\ud83d") and is_unicode("a\U0001f600")


def test_what_is_not_json_is_named_by_file_line_and_column() -> None:
    with pytest.raises(UsageError) as refused:
        parse(b'{"a": 1,\n "b": 274 61}', Path("x.json"), first_line=4)
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("data_malformed", "data.path", 2)
    assert refused.value.message.startswith("x.json, line 5, column 11: not JSON")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="line 1"):
        parse(b"[" * 200_000, Path("x.json"))


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert parse(read(path), path) == [1]


def test_bytes_that_are_not_utf_8_are_named_by_place(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("ok\nné".encode() + b"\xff")
    with pytest.raises(UsageError, match="line 2, column 3: byte 0xff"):
        read(path)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path / "gone")
    assert refused.value.code == "data_unreadable"
