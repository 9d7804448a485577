"""Which headers hold secrets, and how their values reach a worker without being written anywhere.

References are passed on as they are. A literal (local provider only) travels in an environment variable of the worker
process; its spec names the variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from function.contract.spec import SecretRef
from orchestrator.config.provider import secrets
from orchestrator.config.root import Config
from orchestrator.config.secret import Secret, is_sensitive

VARIABLE = "BENCHCTL_SECRET_"
_KEY_PATH = "server.api_key"
_HEADERS_PATH = "api.headers."


@dataclass(frozen=True, slots=True)
class Headers:
    """`refs`: header -> where its value lies. `variables`: what a local worker's environment must hold for them.

    `values`: what this process sends itself, to ask for the models: every header whose value is at hand here.
    """

    refs: dict[str, SecretRef]
    variables: dict[str, str] = field(repr=False)
    values: dict[str, str] = field(repr=False)
    key_path: str | None = None


def headers_of(config: Config, environment: Mapping[str, str] | None = None) -> Headers:
    environment = os.environ if environment is None else environment
    refs: dict[str, SecretRef] = {}
    variables: dict[str, str] = {}
    values: dict[str, str] = {}
    key_path: str | None = None
    for number, (path, secret) in enumerate(secrets(config)):
        header, prefix = ("Authorization", "Bearer ") if path == _KEY_PATH else (path.removeprefix(_HEADERS_PATH), "")
        value = _value(secret, environment)
        if value is not None:
            values[header] = prefix + value
        if secret.source != "literal":
            refs[header] = SecretRef(secret.source, secret.name, prefix)
            if secret.source == "env" and value is not None:
                variables[secret.name] = value
        elif path == _KEY_PATH or is_sensitive(header):
            refs[header] = SecretRef("env", f"{VARIABLE}{number}", prefix)
            variables[f"{VARIABLE}{number}"] = value or ""
        key_path = path if header in refs and key_path is None else key_path
    return Headers(refs, variables, values, key_path)


def _value(secret: Secret, environment: Mapping[str, str]) -> str | None:
    if secret.source == "literal":
        return None if secret.literal is None else secret.literal.get_secret_value()
    return environment.get(secret.name) if secret.source == "env" else None
