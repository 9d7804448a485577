from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from orchestrator.config.section import Section, TolerantSection


class Inner(Section):
    renamed: ClassVar[dict[str, str]] = {"old": "new"}
    new: int = 1
    for_: int = Field(default=2, alias="for")


class Loose(TolerantSection):
    known: int = 1


def test_null_is_absent() -> None:
    assert Inner.model_validate({"new": None, "for": None}) == Inner()
    assert Inner.model_validate({"new": None}).model_fields_set == set()


@pytest.mark.parametrize("extra", [{"nwe": 1}, {"nwe": None}])
def test_an_unknown_key_is_refused_null_or_not(extra: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Inner.model_validate(extra)


def test_a_former_name_still_works_but_not_beside_the_new_one() -> None:
    assert Inner.model_validate({"old": 5}).new == 5
    with pytest.raises(ValidationError, match="former name"):
        Inner.model_validate({"old": 5, "new": 6})


def test_known_keys_are_what_people_write() -> None:
    assert Inner.known_keys() == {"new": "new", "for": "for_", "old": "new"}


def test_a_tolerant_section_goes_on_without_the_key() -> None:
    assert Loose.model_validate({"known": 2, "other": 3}) == Loose(known=2)


def test_frozen_and_silent_about_input() -> None:
    with pytest.raises(ValidationError):
        Inner().new = 3  # type: ignore[misc]
    with pytest.raises(ValidationError) as refusal:
        Inner.model_validate({"new": "hunter2"})
    assert "hunter2" not in str(refusal.value)
