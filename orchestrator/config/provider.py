"""What a config asks that a given provider cannot do. Asked by the plan, once the provider is known.

Refuses to know quotas, prices or whether a secret exists: only what the config itself rules out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from orchestrator.config.checks import check_lease
from orchestrator.config.loading import literal_secrets
from orchestrator.config.root import Config
from orchestrator.config.secret import Secret
from orchestrator.outcome import Problem

Provider = Literal["local", "aws", "gcp"]
_HOME = {"aws_secret": "aws", "gcp_secret": "gcp"}
_WITHOUT = (("env", "aws"),)  # a function's environment holds its role's keys, and nothing of this machine's
_OWN = {"aws": "{aws_secret: ARN}", "gcp": "{gcp_secret: NAME}", "local": "{env: NAME}"}


def check_provider(config: Config, provider: Provider) -> tuple[Problem, ...]:
    """Errors only; empty when the provider can run it."""
    return tuple(_check(config, provider))


def check_environment(config: Config, env: Mapping[str, str]) -> tuple[Problem, ...]:
    """For the local provider: variables that secrets refer to and `env` does not hold."""
    return tuple(
        Problem("env_unset", f"the environment variable {secret.name} is not set", path, f"set {secret.name}")
        for path, secret in secrets(config)
        if secret.source == "env" and not env.get(secret.name)
    )


def secrets(config: Config) -> Iterator[tuple[str, Secret]]:
    """Everything a worker sends that may be a secret, with its place: literals and references."""
    if config.server.api_key is not None:
        yield "server.api_key", config.server.api_key
    for name, value in config.api.headers.items():
        yield f"api.headers.{name}", value


def _check(config: Config, provider: Provider) -> Iterator[Problem]:
    yield from check_lease(config, provider)
    for path, secret in secrets(config):
        home = _HOME.get(secret.source, provider)
        if home != provider or (secret.source, provider) in _WITHOUT:
            message = f"{secret.source} cannot be read by provider {provider}"
            yield Problem("secret_provider", message, path, f"write {_OWN[provider]}")
    if provider == "local":
        return
    for path in literal_secrets(config):
        if path != "tokenizer.token":  # stays on this machine
            message = f"a literal secret is refused on {provider}: it would have to be stored for the functions"
            hint = f"write {_OWN[provider]}"
            if path.startswith("api.extra_body."):
                hint = f"send it as a header instead: api.headers may hold {_OWN[provider]}"
            yield Problem("secret_literal", message, path, hint)
    for key in ("ca_file", "cert_path", "key_path"):
        if getattr(config.server, key) is not None:
            message = f"is a file of this machine, which functions on {provider} do not have"
            hint = "let the endpoint show a certificate that public authorities have signed"
            yield Problem("file_local", message, f"server.{key}", hint)
    if config.server.embedded:
        hint = "name a server.base_url that they can reach, or use the local provider"
        yield Problem("mock_local", f"the embedded model server cannot be reached from {provider}", "server.type", hint)
