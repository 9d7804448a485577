import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from orchestrator.commands.init import template_text, templates
from orchestrator.config.root import Config
from orchestrator.config.schema import json_schema, models

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
MINIMAL: dict[str, Any] = {"server": {"type": "mock"}, "load": {"stages": [{"rate": 1, "duration": "1s"}]}}


def test_it_is_a_schema_of_json_types() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_example_configs_pass(path: Path) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize("name", templates())
def test_the_templates_pass(name: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(template_text(name)))) == []


@pytest.mark.parametrize(
    "more",
    [
        {"server": {"type": "mock", "api_key": {"env": "A"}, "model_name": None}},
        {"server": {"type": "${KIND}", "api_key": "literal"}},
        {"load": {"stages": [{"rate": "${R}", "duration": 1.5, "steps": None}], "request_timeout": "5s"}},
        {"load": {"stages": [], "request_timeout": {"connect": "500ms", "idle": None}}},
        {"fanout": {"lanes": "auto", "slice": "10m", "lane_ceiling": {"streams": 5}}},
        {"fanout": {"lanes": 7, "slice": "auto"}, "metrics": None},
        {"data": {"output_tokens": 5, "input_distribution": {"min": 1, "other": 2}}},
        {"data": {"shared_prefix": {"num_groups": 5, "question_len": {"mean": 50}}}},
        {"data": {"multimodal": {"image": {"resolutions": "4k"}, "audio": {"durations": "3s"}}}},
        {"data": {"multimodal": {"image": {"resolutions": [{"resolution": {"height": 1, "width": 2}}]}}}},
        {"api": {"headers": {"X": "y", "Z": {"gcp_secret": "n"}}, "extra_body": {"any": [1, {"thing": None}]}}},
    ],
)
def test_what_loads_passes(more: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors({**MINIMAL, **more})) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"sever": {}},
        {"load": {"stagse": []}},
        {"load": {"type": "poison"}},
        {"load": {"stages": [{"rate": -1}]}},
        {"load": {"stages": [{"duration": "1 day"}]}},
        {"load": {"request_timeout": "soon"}},
        {"server": {"api_key": {"file": "x"}}},
        {"server": {"mock": {"faults": {"cut": 2}}}},
        {"fanout": {"lanes": "many"}},
        {"fanout": {"lanes": 0}},
        {"storage": {"google_cloud_storage": {}}},
        {"data": {"multimodal": {"image": {"resolutions": "8k"}}}},
    ],
)
def test_what_is_refused_fails(bad: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({**MINIMAL, **bad})


def test_every_key_says_what_it_is() -> None:
    for model in models(Config):
        for name, field in model.model_fields.items():
            assert field.description and field.description.strip().endswith((".", ")")), f"{model.__name__}.{name}"
