"""Where requests go and what each carries, as a worker needs it: config and endpoint facts to a Target. No secrets.

Headers that are references or may hold a secret become references, and so do members of the body that hold a value
under a sensitive name; the rest travels as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from function.contract.codec import encode
from function.contract.plan import ReportSettings
from function.contract.spec import SecretRef, Target, Timeouts
from orchestrator.config.root import Config
from orchestrator.config.secret import Secret, hides, secret_members

_VARIABLE = "BENCHCTL_SECRET_"


@dataclass(frozen=True, slots=True)
class SecretHeaders:
    """`environment`: variables that a local worker needs for literals, which no stored object may hold.

    `body`: members of api.extra_body; their variables hold JSON.
    """

    refs: Mapping[str, SecretRef]
    environment: Mapping[str, SecretStr]
    body: Mapping[str, SecretRef] = field(default_factory=dict)


def secret_headers(config: Config) -> SecretHeaders:
    """Of server.api_key (`Authorization: Bearer`, unless api.headers has one), api.headers and the body."""
    refs: dict[str, SecretRef] = {}
    environment: dict[str, SecretStr] = {}

    def kept(value: SecretStr) -> str:
        variable = f"{_VARIABLE}{len(environment)}"
        environment[variable] = value
        return variable

    def add(header: str, secret: Secret, prefix: str = "") -> None:
        if secret.source != "literal":
            refs[header] = SecretRef(secret.source, secret.name, prefix)
        elif secret.literal is not None:
            refs[header] = SecretRef("env", kept(secret.literal), prefix)

    for name, value in config.api.headers.items():
        if hides(name, value):
            add(name, value)
    if config.server.api_key is not None and "authorization" not in map(str.lower, refs):
        add("Authorization", config.server.api_key, "Bearer ")
    members = secret_members(config.api.extra_body)
    body = {
        name: SecretRef("env", kept(SecretStr(encode(value).decode())))
        for name, value in config.api.extra_body.items()
        if name in members
    }
    return SecretHeaders(refs, environment, body)


def target(config: Config, root: str, secret_refs: Mapping[str, SecretRef], allowed: tuple[str, ...]) -> Target:
    """`secret_refs` replaces the headers it names; whatever else is a reference or sensitive stays a reference too."""
    secret = secret_headers(config)
    refs = {**secret.refs, **secret_refs}
    hidden = {name.lower() for name in refs}
    headers = {
        name: value.literal.get_secret_value()
        for name, value in config.api.headers.items()
        if value.literal is not None and name.lower() not in hidden
    }
    api, server, limits = config.api, config.server, config.load.request_timeout
    return Target(
        root=root,
        api="chat" if api.type == "chat" else "completion",
        streaming=api.streaming,
        headers=headers,
        secret_headers=refs,
        extra_body={name: value for name, value in api.extra_body.items() if name not in secret.body},
        secret_body=dict(secret.body),
        ignore_eos=server.ignore_eos,
        session_header=api.session_id_header_key,
        ca_file=server.ca_file,
        cert_path=server.cert_path,
        key_path=server.key_path,
        transport=server.transport,
        timeouts=Timeouts(limits.total, limits.connect, limits.first_token, limits.idle),
        allowed=allowed,
    )


def described(config: Config, root: str, models: tuple[str, ...]) -> dict[str, str]:
    """What people read of it."""
    return {"root": root, "api": config.api.type, "model": ", ".join(models), "server": config.server.type}


def report_settings(config: Config) -> ReportSettings:
    """What merge and report will need of the config, which they never see."""
    files, copy = config.report.request_lifecycle, config.storage.local_storage
    return ReportSettings(
        goodput=config.report.goodput.limits,
        percentiles=files.percentiles,
        summary=files.summary,
        per_stage=files.per_stage,
        per_request=files.per_request,
        streaming=config.api.streaming,
        ignore_eos=config.server.ignore_eos,
        local_path=copy.path,
        file_prefix=copy.report_file_prefix,
        tokenizer=config.tokenizer.pretrained_model_name_or_path,
        max_error_messages=files.max_error_messages,
    )
