"""Token counts as servers really write them."""

from __future__ import annotations

import pytest

from function.usage import Usage, read_usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b'{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}', Usage(7, 3)),
        (b'{"completion_tokens":3}', Usage(None, 3)),
        (b'{"prompt_tokens":7,"completion_tokens":0}', Usage(7, 0)),
        (b'{"prompt_tokens":7.0,"completion_tokens":"3"}', Usage(7, 3)),
        (
            b'{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},'
            b'"completion_tokens_details":{"reasoning_tokens":2}}',
            Usage(9, 5, 4, 2),
        ),
        (
            b'{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":null,"completion_tokens_details":[]}',
            Usage(9, 5),
        ),
    ],
)
def test_counts_are_read(usage: bytes, expected: Usage) -> None:
    assert read_usage([usage]) == expected


@pytest.mark.parametrize(
    "usage",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"12",
        b'{"completion_tokens":',
        b'{"completion_tokens":-1}',
        b'{"completion_tokens":true}',
        b'{"completion_tokens":1e400}',
        b'{"completion_tokens":"many"}',
        b'{"completion_tokens":"99999999999999999999999"}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_counts_as_not_given(usage: bytes) -> None:
    assert read_usage([usage]) is None


def test_timings_stand_in_for_usage_and_never_replace_it() -> None:
    timings = b'{"cache_n":1,"prompt_n":2,"prompt_ms":0.28,"predicted_n":4}'
    assert read_usage([], timings) == Usage(3, 4, 1)
    assert read_usage([b'{"prompt_tokens":30,"completion_tokens":40}'], timings) == Usage(30, 40)
    assert read_usage(b"", b'{"prompt_n":2}') is None


@pytest.mark.parametrize(
    "last",
    [
        b'{"prompt_tokens":0,"completion_tokens":0}',
        b'{"completion_tokens":40}',
        b'{"prompt_tokens":30}',
        b"{}",
        b"[]",
        b'{"prompt_tokens":null,"completion_tokens":40}',
    ],
)
def test_a_last_usage_that_says_less_takes_nothing_back(last: bytes) -> None:
    full = b'{"prompt_tokens":30,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":16}}'
    assert read_usage([full, last]) == Usage(30, 40, 16)
    assert read_usage([full, last, last]) == Usage(30, 40, 16)


def test_of_whole_ones_the_last_counts() -> None:
    grown = [b'{"prompt_tokens":9,"completion_tokens":%d}' % count for count in (1, 6, 7)]
    assert read_usage(grown) == Usage(9, 7)
