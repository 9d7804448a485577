"""`benchctl mock-server`: the embedded model server in the foreground, until Ctrl-C."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from function.contract.errors import BenchctlError, UsageError
from orchestrator.mockserver.config import MockConfigError, config_from
from orchestrator.mockserver.process import serve
from orchestrator.outcome import Outcome


def run(
    settings: Mapping[str, Any], address: tuple[str, int], log: Path | None, bodies: bool, tell: Callable[[str], None]
) -> Outcome:
    """Serves until SIGINT or SIGTERM. `settings` by MockConfig's names; `tell` gets the URL once it serves.

    Raises UsageError for a setting (`mock_config`) or an address (`mock_address`) that cannot be used.
    """
    try:
        config = config_from(settings)
    except MockConfigError as error:
        raise UsageError(str(error), path="--config-json", code="mock_config") from error
    host, port = address
    served: list[str] = []

    def ready(url: str) -> None:
        served.append(url)
        tell(url)

    try:
        serve(config, host=host, port=port, log=log, log_bodies=bodies, on_ready=ready)
    except OSError as error:
        if served:
            raise BenchctlError(f"the log is not whole: {error}", path="--log", code="mock_log") from error
        hint = "another --port, or 0 for a free one"
        raise UsageError(
            f"cannot serve on {host}:{port}: {error.strerror or error}", path="--port", hint=hint, code="mock_address"
        ) from error
    return Outcome("mock-server", result={"url": served[0] if served else None})


def merged_settings(given: Mapping[str, Any], faults: Mapping[str, float], text: str) -> dict[str, Any]:
    """`text` is JSON by MockConfig's names; what was given as an option wins."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise UsageError(f"is not JSON: {error}", path="--config-json", code="mock_config") from error
    if not isinstance(settings, dict):
        raise UsageError("must be a JSON object", path="--config-json", code="mock_config")
    settings |= {name: value for name, value in given.items() if value is not None}
    if faults:
        settings["faults"] = {**settings.get("faults", {}), **faults}
    return settings
