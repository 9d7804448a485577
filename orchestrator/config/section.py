"""The form every mapping of the config has: frozen, unknown keys refused, null the same as absent.

Refuses to know any particular key. Error texts never carry the input, which may be a secret.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from orchestrator.config.quantity import wrong

NOT_YET = " Checked, not run yet: `plan` refuses it."


class Section(BaseModel):
    """A mapping of the config.

    `renamed` maps former spellings of a key to the present one; `short_forms` are the JSON Schemas of what may be
    written in place of the mapping.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=False,
        populate_by_name=True,
        protected_namespaces=(),
    )
    renamed: ClassVar[dict[str, str]] = {}
    short_forms: ClassVar[tuple[dict[str, Any], ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _absent_when_null(cls, data: Any) -> Any:
        """Templates write `key: null` for whatever they do not use. An unknown key stays, to be refused."""
        if not isinstance(data, dict):
            return data
        known = cls.known_keys()
        given = {key: value for key, value in data.items() if value is not None or key not in known}
        for former, present in cls.renamed.items():
            if former in given and present in given:
                raise wrong(f"gives both `{present}` and its former name `{former}`", f"keep `{present}`")
        return {cls.renamed.get(key, key): value for key, value in given.items()}

    @classmethod
    def known_keys(cls) -> dict[str, str]:
        """Every key a person may write here -> the attribute that holds it."""
        own = {field.alias or name: name for name, field in cls.model_fields.items()}
        return own | {former: own[present] for former, present in cls.renamed.items()}


class TolerantSection(Section):
    """Where inference-perf takes unknown keys in silence: ours says `key_ignored` and goes on."""

    model_config = ConfigDict(extra="ignore")
