"""Numbers and durations as people write them.

Inside, a duration is a float of seconds and a rate a float per second. A float read from YAML keeps the decimal that
was written (its `repr` is that decimal, up to 15 significant digits), and durations with a unit are converted in
decimal arithmetic first, so `exact(rate) * exact(duration)` counts without binary rounding: 0.425/s x 40 s = 17.
Knows nothing of keys or sections.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

LONGEST_S = 1e9  # 31 years: still exact to the microsecond as a float, and fits 64-bit nanoseconds
UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_DURATION = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*")
_DURATION_PATTERN = r"^\s*\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*(ms|s|m|h)?\s*$"
_HINT = 'seconds as a number (90, 1.5) or with a unit: "500ms", "90s", "10m", "1h"'

Auto = Literal["auto"]


def exact(value: float) -> Decimal:
    """The decimal a person wrote for this rate or duration: 0.425 is 425/1000 here, not the nearest binary fraction."""
    return Decimal(repr(value))


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """A refusal whose words reach the user unchanged. Braces are data, not placeholders."""
    return PydanticCustomError("wrong_value", "{text}", {"text": message, "hint": hint})


def parse_seconds(value: object) -> float:
    """Seconds from `90`, `1.5`, `"90s"`, `"10m"`, `"1h"`, `"500ms"`; PydanticCustomError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise wrong("is not a duration", _HINT)
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None or (match[2] and match[2] not in UNITS):
            raise wrong(f"{value!r} is not a duration", _HINT)
        seconds = float(Decimal(match[1]) * UNITS[match[2] or "s"])
    else:
        seconds = float(value)
    if not math.isfinite(seconds) or seconds >= LONGEST_S:
        raise wrong("is too long a duration", "less than 1,000,000,000 s")
    if seconds < 0:
        raise wrong("a duration cannot be negative", _HINT)
    return seconds


def parse_positive_seconds(value: object) -> float:
    """As `parse_seconds`, at least one nanosecond."""
    seconds = parse_seconds(value)
    if seconds < 1e-9:
        raise wrong("must be longer than 0", _HINT)
    return seconds


def parse_seconds_or_auto(value: object) -> float | Auto:
    return "auto" if value == "auto" else parse_positive_seconds(value)


def plain_number(value: Any) -> Any:
    """YAML's `yes` is a bool and Python's bool an int: refuse it before it becomes 1."""
    if isinstance(value, bool):
        raise wrong(f"is {str(value).lower()}, not a number", "a number")
    return value


def parse_count_or_auto(value: Any) -> int | Auto:
    if value == "auto":
        return "auto"
    try:
        number = float(plain_number(value))
    except (TypeError, ValueError):
        number = math.nan
    if not number.is_integer() or number < 1:
        raise wrong("is neither `auto` nor a whole number from 1 up", "auto, or 1, 2, 3 ...")
    return int(number)


def parse_rate_or_auto(value: Any) -> float | Auto:
    if value == "auto":
        return "auto"
    try:
        number = float(plain_number(value))
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise wrong("is neither `auto` nor a number above 0", "auto, or for example 50")
    return number


SECONDS_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _DURATION_PATTERN}],
    "examples": ["90s", "500ms", "10m"],
}
_AUTO_SCHEMA: dict[str, Any] = {"const": "auto"}


def _or_auto(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [_AUTO_SCHEMA, *schema.get("anyOf", [schema])], "default": "auto"}


Number = Annotated[float, BeforeValidator(plain_number)]
Whole = Annotated[int, BeforeValidator(plain_number)]
Count = Annotated[int, BeforeValidator(plain_number), Field(ge=1)]
Share = Annotated[float, BeforeValidator(plain_number), Field(ge=0, le=1)]
Rate = Annotated[float, BeforeValidator(plain_number), Field(ge=0, lt=1e9)]
Seconds = Annotated[float, BeforeValidator(parse_seconds), WithJsonSchema(SECONDS_SCHEMA)]
PositiveSeconds = Annotated[float, BeforeValidator(parse_positive_seconds), WithJsonSchema(SECONDS_SCHEMA)]
SecondsOrAuto = Annotated[float | Auto, PlainValidator(parse_seconds_or_auto), WithJsonSchema(_or_auto(SECONDS_SCHEMA))]
CountOrAuto = Annotated[
    int | Auto, PlainValidator(parse_count_or_auto), WithJsonSchema(_or_auto({"type": "integer", "minimum": 1}))
]
RateOrAuto = Annotated[
    float | Auto,
    PlainValidator(parse_rate_or_auto),
    WithJsonSchema(_or_auto({"type": "number", "exclusiveMinimum": 0})),
]
