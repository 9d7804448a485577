"""`benchctl schema`: the config as JSON Schema, for editors."""

from __future__ import annotations

import json

from orchestrator.config.schema import json_schema
from orchestrator.outcome import Outcome


def run() -> Outcome:
    schema = json_schema()
    return Outcome("schema", result=schema, human=json.dumps(schema, indent=2, ensure_ascii=False))
