"""Values for the module's variables, as people type them on a command line.

A value is JSON where it reads as JSON, otherwise text; a list may also be written with commas. What the module thinks
of a value is the module's to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from function.contract.errors import UsageError
from orchestrator.config.nearest import nearest
from orchestrator.provision.module import Variable

# Set from what was built and provisioned, never by hand.
OURS = ("package", "force_destroy")


def assigned(words: Sequence[str], known: Mapping[str, Variable]) -> dict[str, Any]:
    """`name=value` each; the last of a name wins, and an empty value is null: the module's default again.

    UsageError `variable` for what is no assignment or no variable of the module's.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        name = name.strip()
        if not separator or name in OURS or name not in known:
            raise UsageError(_complaint(word, name, separator), path="--var", hint=_hint(name, known), code="variable")
        found[name] = _value(text.strip(), known[name].kind)
    return found


def _value(text: str, kind: str) -> Any:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if kind == "list" and not isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text if kind == "string" else value


def _complaint(word: str, name: str, separator: str) -> str:
    if not separator:
        return f"{word!r} is not name=value"
    if name in OURS:
        return f"{name} is set by benchctl itself"
    return f"the module has no variable {name}"


def _hint(name: str, known: Mapping[str, Variable]) -> str:
    names = [word for word in known if word not in OURS]
    meant = nearest(name, names)
    return (f"did you mean {meant}? " if meant else "") + f"there are: {', '.join(names)}"
