"""Secrets are references: the name of an environment variable or of a cloud's secret. A literal is kept out of sight.

No repr, message or dump of a `Secret` shows a literal. What a reference points to is never read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, SecretStr, WithJsonSchema

from orchestrator.config.quantity import wrong

Steps = tuple[str | int, ...]
REFERENCES = ("env", "aws_secret", "gcp_secret")
_HINT = "{env: NAME}, {aws_secret: ARN} or {gcp_secret: NAME}"
_SENSITIVE = frozenset(
    {"auth", "authorization", "apikey", "cookie", "cookies", "credential", "credentials", "key", "passwd"}
    | {"password", "secret", "token"}
)
_HARMLESS = frozenset({"idempotency-key", "prompt-cache-key", "stop-token-ids"})
_CREDENTIAL = re.compile(r"\s*(Bearer|Basic|Token|ApiKey)\s", re.IGNORECASE)
_NAMES = "properties"  # of a JSON Schema: what stands below are names of fields, and no values


@dataclass(frozen=True, slots=True)
class Secret:
    """`name` says which variable or cloud secret; a literal has no name and its value in `literal`.

    `filled`: a literal that came from `${ENV}`. Whoever keeps a value out of the file may want it kept out everywhere.
    """

    source: Literal["literal", "env", "aws_secret", "gcp_secret"]
    name: str = ""
    literal: SecretStr | None = None
    filled: bool = False

    def __str__(self) -> str:
        return "***" if self.source == "literal" else f"{{{self.source}: {self.name}}}"


def filled_secret(value: str) -> Secret | str:
    """A literal that came from the environment; a text that can be no secret as it stands, for `parse_secret`."""
    return Secret("literal", literal=SecretStr(value), filled=True) if value and value.isprintable() else value


def is_sensitive(name: str) -> bool:
    """Whether a header, or a key of a request's body, holds a secret by its name: Authorization, x-api-key, Cookie."""
    plain = name.lower().replace("_", "-")
    return plain not in _HARMLESS and any(word in _SENSITIVE for word in plain.split("-"))


def is_credential(value: str) -> bool:
    """Whether a header's value is one by its form, whatever the header is called: `Bearer ...`, `Basic ...`."""
    return _CREDENTIAL.match(value) is not None


def hides(name: str, value: Secret) -> bool:
    """Whether a header's value may be in no stored object: a reference, or a literal that is or may be a secret."""
    if value.literal is None or value.filled or is_sensitive(name):
        return True
    return is_credential(value.literal.get_secret_value())


def secret_members(body: Mapping[str, Any]) -> frozenset[str]:
    """The members of a request's body that hold a value under a sensitive name, at any depth."""
    return frozenset(
        name for name, value in body.items() if any(is_secret_place(steps) for steps in _places(value, (name,)))
    )


def is_secret_place(steps: Steps) -> bool:
    """Whether a value at these steps below a body's root is a secret: a name on the way is a sensitive one."""
    return any(is_sensitive(str(step)) and above != _NAMES for above, step in zip((None, *steps), steps))


def _places(value: Any, steps: Steps) -> Iterator[Steps]:
    """Where values stand that can be secrets: true, false and null are too few to be."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _places(item, (*steps, name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _places(item, (*steps, index))
    elif value is not None and not isinstance(value, bool):
        yield steps


def parse_secret(value: Any) -> Secret:
    """A `Secret` from a string or a one-key mapping; PydanticCustomError (which never quotes the value) otherwise."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        if not value or not value.isprintable():
            raise wrong("is empty or holds control characters (a line break?)", _HINT)
        return Secret("literal", literal=SecretStr(value))
    if isinstance(value, (int, float)):
        raise wrong("is not text to YAML", f"put it in quotes, or write {_HINT}")
    if not isinstance(value, dict):
        raise wrong("is neither text nor a reference to a secret", _HINT)
    given = {key: name for key, name in value.items() if name is not None}
    if len(given) != 1 or next(iter(given)) not in REFERENCES:
        raise wrong("is not a reference to one secret", _HINT)
    [(source, name)] = given.items()
    if not isinstance(name, str) or not name.strip():
        raise wrong(f"`{source}` must name a secret", _HINT)
    return Secret(source, name=name.strip())


SECRET_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "description": "The secret itself: local provider only, with a warning."},
        *(
            {
                "type": "object",
                "properties": {source: {"type": "string", "minLength": 1}},
                "required": [source],
                "additionalProperties": False,
            }
            for source in REFERENCES
        ),
    ]
}

SecretValue = Annotated[Secret, PlainValidator(parse_secret), WithJsonSchema(SECRET_SCHEMA)]
