"""Which headers hold secrets, and how their values reach a worker without being written anywhere.

References are passed on as they are. A literal (local provider only) travels in an environment variable of the worker
process; its spec names the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from function.contract.spec import SecretRef
from orchestrator.config.root import Config
from orchestrator.plan.target import secret_headers


@dataclass(frozen=True, slots=True)
class Headers:
    """`refs`: header -> where its value lies. `variables`: what a local worker's environment must hold for them.

    `values`: what this process sends itself, to ask for the models: every header whose value is at hand here.
    `key_path`: the config key of the first secret; None where no secret is sent.
    """

    refs: Mapping[str, SecretRef]
    variables: Mapping[str, str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    key_path: str | None = None


def headers_of(config: Config, environment: Mapping[str, str]) -> Headers:
    """References to variables that are not set have no value here; whether that is a fault is not asked."""
    secret = secret_headers(config)
    variables = {name: value.get_secret_value() for name, value in secret.environment.items()}
    for ref in secret.refs.values():
        if ref.source == "env" and ref.name in environment:
            variables.setdefault(ref.name, environment[ref.name])
    values = {
        name: value.literal.get_secret_value()
        for name, value in config.api.headers.items()
        if value.literal is not None and name not in secret.refs
    }
    values |= {
        header: ref.prefix + variables[ref.name]
        for header, ref in secret.refs.items()
        if ref.source == "env" and ref.name in variables
    }
    first = next(iter(secret.refs), None)
    keyed = config.server.api_key is not None
    path = "server.api_key" if keyed else None if first is None else f"api.headers.{first}"
    return Headers(secret.refs, variables, values, path)
