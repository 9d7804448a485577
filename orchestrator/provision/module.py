"""The Terraform modules that come with benchctl: where they lie, which files they are, which variables they have.

They lie in `infra/terraform/` beside this package: in a checkout and in an installation alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from function.contract.errors import BenchctlError

MODULES = Path(__file__).resolve().parents[2] / "infra" / "terraform"

_VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"^  type\s+= (\w+)", re.MULTILINE)
_DEFAULT = re.compile(r"^  default\s+= (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Variable:
    """`kind`: string, number, bool, list or object. `default` as written; "" where a value must be given."""

    name: str
    kind: str
    default: str = ""


def module_files(provider: str) -> dict[str, bytes]:
    """The module's own *.tf by name, without its tests. BenchctlError `module_missing` in a broken installation."""
    found = {path.name: path.read_bytes() for path in sorted((MODULES / provider).glob("*.tf"))}
    if not found:
        hint = "install benchctl again"
        message = f"the Terraform module is not at {MODULES / provider}"
        raise BenchctlError(message, hint=hint, code="module_missing")
    return found


def module_variables(provider: str) -> dict[str, Variable]:
    text = module_files(provider)["variables.tf"].decode()
    return {
        name: Variable(name, _first(_TYPE, body, "string"), _first(_DEFAULT, body, ""))
        for name, body in _VARIABLE.findall(text)
    }


def _first(pattern: re.Pattern[str], body: str, otherwise: str) -> str:
    match = pattern.search(body)
    return otherwise if match is None else match[1]
