"""The example configs and templates, as shipped: they load, and all of what they ask is built."""

import json
from pathlib import Path

import pytest
import yaml

from orchestrator.commands.init import template_text, templates
from orchestrator.config.built import unbuilt
from orchestrator.config.loading import load_config
from orchestrator.config.provider import check_provider

CONFIGS = Path(__file__).parents[3] / "configs"
EXAMPLES = sorted(CONFIGS.glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # they work from anywhere
    loaded = load_config(path, env={})
    assert all(problem.severity == "warning" for problem in loaded.problems)
    assert unbuilt(loaded.config) == () and check_provider(loaded.config, "local") == ()


@pytest.mark.parametrize("name", templates())
def test_templates(name: str) -> None:
    loaded = load_config(template_text(name), env={})
    assert loaded.problems == () and unbuilt(loaded.config) == ()
    commented = sum(line.strip().startswith("#") or " # " in line for line in template_text(name).splitlines())
    assert commented > 10


def test_the_demo_is_what_the_readme_says() -> None:
    config = load_config(CONFIGS / "quickstart.yaml", env={}).config
    stages = config.load.stages
    total = sum(stage.duration or 0 for stage in stages) + config.load.interval * (len(stages) - 1)
    assert (config.server.embedded, config.api.type, config.api.streaming) == (True, "chat", True)
    assert config.fanout.lanes == 3 and isinstance(config.fanout.slice, float) and total / config.fanout.slice > 2
    assert len(stages) >= 2 and 20 <= total <= 30 and config.report.goodput.limits


def test_an_inference_perf_file_uses_only_its_keys() -> None:
    tree = yaml.safe_load((CONFIGS / "inference-perf.yaml").read_text())
    assert not {"fanout", "budget"} & set(tree)


def test_the_conversations_are_in_the_sharegpt_layout() -> None:
    conversations = json.loads((CONFIGS / "data" / "conversations.json").read_text())
    assert len(conversations) == 200
    assert all(
        turn["from"] in ("human", "gpt") and turn["value"] for one in conversations for turn in one["conversations"]
    )
    assert "FastChat" in (CONFIGS / "data" / "README.md").read_text()
