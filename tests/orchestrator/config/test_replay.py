from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.replay import ConversationReplay, OtelTraceReplay, SharedPrefix, VisionArena, WekaTraceReplay


def test_former_names_and_lengths_in_either_form() -> None:
    prefix = SharedPrefix.model_validate(
        {"num_groups": 3, "question_len": {"type": "lognormal", "mean": 50}, "output_len": 7}
    )
    assert (prefix.num_unique_system_prompts, prefix.question_len.type, prefix.output_len.mean) == (3, "lognormal", 7)
    assert prefix.system_prompt_len.mean == 100


def test_a_length_is_said_once() -> None:
    SharedPrefix.model_validate({"question_len": 5, "question_distribution": {}})
    with pytest.raises(ValidationError, match="question_distribution"):
        SharedPrefix.model_validate({"question_len": {}, "question_distribution": {}})


@pytest.mark.parametrize(
    "source",
    [
        {"trace_directory": "d"},
        {"trace_files": ["a", "b"]},
        {"hf_dataset_path": "a/b"},
        {"hf_dataset_path": {"path": "a/b"}},
    ],
)
def test_one_source(source: dict[str, Any]) -> None:
    for kind in (OtelTraceReplay, WekaTraceReplay):
        assert kind.model_validate(source)
        with pytest.raises(ValidationError, match="exactly one source"):
            kind.model_validate({**source, "trace_directory": "e", "trace_files": ["f"]})
        with pytest.raises(ValidationError, match="exactly one source"):
            kind.model_validate({})


@pytest.mark.parametrize(
    "contradiction",
    [
        {"use_static_model": True},
        {"static_model_name": "m"},
        {"disable_output_substitution": True, "inject_random_session_id": True},
        {"disable_output_substitution": True, "duplicate_sessions_target": 5},
        {"bad_tool_call_handling": "retry"},
        {"max_wait_ms": -1},
    ],
)
def test_contradictions(contradiction: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OtelTraceReplay.model_validate({"trace_directory": "d", **contradiction})


def test_conversations_and_images() -> None:
    replay = ConversationReplay.model_validate({"turns_per_conversation": {"type": "fixed", "mean": 1}})
    assert (replay.num_conversations, replay.shared_system_prompt_len) == (200, 8359)
    assert VisionArena().num_rows == 1000
