"""Secrets are references: the name of an environment variable or of a cloud's secret. A literal is kept out of sight.

No repr, message or dump of a `Secret` shows a literal. What a reference points to is never read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, SecretStr, WithJsonSchema

from orchestrator.config.quantity import wrong

REFERENCES = ("env", "aws_secret", "gcp_secret")
_HINT = "{env: NAME}, {aws_secret: ARN} or {gcp_secret: NAME}"
_SENSITIVE = frozenset(
    {"auth", "authorization", "apikey", "cookie", "cookies", "credential", "credentials", "key", "passwd"}
    | {"password", "secret", "token"}
)
_HARMLESS = frozenset({"idempotency-key"})


@dataclass(frozen=True, slots=True)
class Secret:
    """`name` says which variable or cloud secret; a literal has no name and its value in `literal`."""

    source: Literal["literal", "env", "aws_secret", "gcp_secret"]
    name: str = ""
    literal: SecretStr | None = None

    def __str__(self) -> str:
        return "***" if self.source == "literal" else f"{{{self.source}: {self.name}}}"


def is_sensitive(name: str) -> bool:
    """Whether a header, or a key of a request's body, holds a secret by its name: Authorization, x-api-key, Cookie."""
    plain = name.lower().replace("_", "-")
    return plain not in _HARMLESS and any(word in _SENSITIVE for word in plain.split("-"))


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
