"""Where a secret may stand in a config, and the config with every such place blanked.

References stay: they are names. A value that came from an environment variable is blanked wherever a secret could be
meant. A password inside a URL is blanked anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from orchestrator.config.environment import escape
from orchestrator.config.secret import is_credential, is_secret_place, is_sensitive
from orchestrator.config.yaml_text import Tree, dump

Path = tuple[str | int, ...]
HIDDEN = "***"
_HEADERS, _BODY = ("api", "headers"), ("api", "extra_body")
_ALWAYS = (("server", "api_key"), ("tokenizer", "token"))
_URL_PASSWORD = re.compile(r"(://)[^/@\s]+@")


def may_hold_secret(path: Path) -> bool:
    """Whether a value written here may be a secret, whatever it is: it is then never quoted in a message."""
    return path[:2] in _ALWAYS or path[:2] in (_HEADERS, _BODY)


def redacted_yaml(tree: Tree, filled: Container[Path]) -> str:
    """YAML of the config as used. `filled`: the places whose value came from the environment."""
    return dump(_redacted(tree, (), filled))


def _redacted(value: Any, path: Path, filled: Container[Path]) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item, (*path, key), filled) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, (*path, index), filled) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if _secret(path, value, filled):
        return HIDDEN
    return escape(_URL_PASSWORD.sub(rf"\1{HIDDEN}@", value)) if isinstance(value, str) else value


def _secret(path: Path, value: Any, filled: Container[Path]) -> bool:
    if path in _ALWAYS:
        return True
    if path[:2] == _HEADERS and len(path) == 3:
        return path in filled or is_sensitive(str(path[2])) or is_credential(str(value))
    return path[:2] == _BODY and is_secret_place(path[2:])
