"""What people type after --var."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.errors import UsageError
from orchestrator.provision.module import Variable, module_variables
from orchestrator.provision.variables import OURS, assigned

KNOWN = module_variables("aws")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("max_lanes=7", 7),
        ("reserve_concurrency=true", True),
        ("name=bench", "bench"),
        ("name=12", "12"),  # a text that looks like a number
        ("name=true", "true"),
        ("allowed_targets=https://a.example, http://b:80", ["https://a.example", "http://b:80"]),
        ('allowed_targets=["https://a.example"]', ["https://a.example"]),
        ("secret_arns=[]", []),
        ('vpc={"subnet_ids": ["s"]}', {"subnet_ids": ["s"]}),
        (" max_lanes = 7 ", 7),
        ("max_lanes=seven", "seven"),  # the module's own words about it are better
        ("max_lanes=", None),
    ],
)
def test_values(word: str, value: Any) -> None:
    assert list(assigned([word], KNOWN).values()) == [value]


def test_the_last_of_a_name_wins() -> None:
    assert assigned(["max_lanes=1", "max_lanes=2"], KNOWN) == {"max_lanes": 2}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("max_lanes", "not name=value"),
        ("max_lane=3", "no variable max_lane"),
        ("package=x", "set by benchctl itself"),
        ("force_destroy=true", "set by benchctl itself"),
        ("=3", "no variable"),
    ],
)
def test_what_is_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        assigned([word], KNOWN)
    assert (refused.value.code, refused.value.path) == ("variable", "--var")
    assert said in refused.value.message
    assert "allowed_targets" in refused.value.hint
    assert not any(name in refused.value.hint for name in OURS)


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError, match="no variable alowed_targets") as refused:
        assigned(["alowed_targets=x"], KNOWN)
    assert "did you mean allowed_targets?" in refused.value.hint


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(blacklist_characters=",", blacklist_categories=["Cs"]), min_size=1), max_size=4))
def test_a_list_is_what_stands_between_the_commas(parts: list[str]) -> None:
    parts = [part.strip() for part in parts if part.strip()]
    found = assigned([f"x={','.join(parts)}"], {"x": Variable("x", "list")})["x"]
    if isinstance(found, list) and found == parts:
        return
    assert (found is None and not parts) or ",".join(parts).startswith("[")  # JSON's own list
