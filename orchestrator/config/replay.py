"""`data.shared_prefix`, `conversation_replay` and the trace replays: inference-perf's session workloads.

Keys, types and the contradictions inference-perf itself refuses. Nothing here is run yet.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from orchestrator.config.distribution import Distribution
from orchestrator.config.multimodal import InsertionPoint, Multimodal
from orchestrator.config.quantity import Count, Number, Whole, wrong
from orchestrator.config.section import Section

Natural = Annotated[Whole, Field(ge=0)]


class Trace(Section):
    """A recorded trace of arrivals or lengths."""

    file: str = Field(description="Path of the trace.")
    format: Literal["AzurePublicDataset"] = Field(
        default="AzurePublicDataset", description="Columns TIMESTAMP, ContextTokens, GeneratedTokens."
    )


class SharedPrefix(Section):
    """Groups of prompts that begin alike."""

    renamed: ClassVar[dict[str, str]] = {
        "num_groups": "num_unique_system_prompts",
        "num_prompts_per_group": "num_users_per_system_prompt",
    }
    num_unique_system_prompts: Count = Field(default=10, description="Distinct prefixes.")
    num_users_per_system_prompt: Count = Field(default=10, description="Prompts per prefix.")
    system_prompt_len: Distribution = Field(
        default_factory=lambda: Distribution.model_validate(100), description="Tokens of the prefix."
    )
    question_len: Distribution = Field(
        default_factory=lambda: Distribution.model_validate(50), description="Tokens of what follows it."
    )
    output_len: Distribution = Field(
        default_factory=lambda: Distribution.model_validate(50), description="Output tokens asked."
    )
    seed: Whole | None = Field(default=None, description="Seed of the texts; default: load.base_seed.")
    question_distribution: Distribution | None = Field(
        default=None, description="Former spelling of a spread question_len."
    )
    output_distribution: Distribution | None = Field(
        default=None, description="Former spelling of a spread output_len."
    )
    enable_multi_turn_chat: bool = Field(
        default=False, description="Each user's prompts are turns of one conversation."
    )
    multimodal: Multimodal | None = Field(default=None, description="Media beside the prompts.")

    @model_validator(mode="before")
    @classmethod
    def _one_of_two(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for inline, former in (("question_len", "question_distribution"), ("output_len", "output_distribution")):
                if isinstance(data.get(inline), dict) and data.get(former) is not None:
                    raise wrong(f"gives both `{inline}` and `{former}`", f"keep `{inline}`")
        return data


class ConversationReplay(Section):
    """Synthetic conversations of several turns, drawn from distributions."""

    seed: Whole = Field(default=42, description="Seed of the conversations.")
    num_conversations: Count = Field(default=200, description="Conversations to make.")
    shared_system_prompt_len: Natural = Field(default=8359, description="Tokens of the system prompt all share.")
    dynamic_system_prompt_len: Distribution | None = Field(default=None, description="Tokens of each one's own prompt.")
    turns_per_conversation: Distribution | None = Field(default=None, description="Turns.")
    input_tokens_per_turn: Distribution | None = Field(default=None, description="Tokens a user turn adds.")
    output_tokens_per_turn: Distribution | None = Field(default=None, description="Tokens asked per turn.")
    tool_call_latency_sec: Distribution | None = Field(default=None, description="Pause after each turn, in seconds.")
    max_model_len: Count | None = Field(default=None, description="Context length of the model.")


class SessionReplay(Section):
    """What both trace replays have in common."""

    trace_directory: str | None = Field(default=None, description="Folder of traces.")
    trace_files: tuple[str, ...] | None = Field(default=None, description="Paths or globs.")
    hf_dataset_path: str | dict[str, Any] | None = Field(
        default=None, description="Hub data set: a name, or {path: ...}."
    )
    use_static_model: bool = Field(default=False, description="One model for every request.")
    static_model_name: str = Field(default="", description="That model.")
    model_mapping: dict[str, str] | None = Field(default=None, description="Recorded model -> model to call.")
    default_max_tokens: Count = Field(default=1000, description="Where the trace has none.")
    override_tool_call_max_tokens: bool = Field(default=True, description="4096 for tool calls.")
    inject_random_session_id: bool = Field(default=False, description="Keep sessions out of each other's cache.")
    duplicate_sessions_target: Count | None = Field(default=None, description="Repeat sessions up to this number.")
    max_wait_ms: Natural = Field(default=15000, description="Longest pause between events, in milliseconds.")
    predecessor_wait_timeout_sec: Annotated[Number, Field(ge=0)] = Field(default=3600.0, description="0: no limit.")
    include_errors: bool = Field(default=True, description="Replay calls that failed.")
    skip_invalid_files: bool = Field(default=False, description="Leave out files that cannot be read.")

    @model_validator(mode="after")
    def _sources_and_model(self) -> SessionReplay:
        sources = (self.trace_directory, self.trace_files, self.hf_dataset_path)
        if sum(source is not None for source in sources) != 1:
            raise wrong("needs exactly one source", "one of trace_directory, trace_files, hf_dataset_path")
        if self.use_static_model and not self.static_model_name:
            raise wrong("use_static_model needs `static_model_name`")
        if self.static_model_name and not self.use_static_model and not self.model_mapping:
            raise wrong("static_model_name has no effect", "use_static_model: true, or a model_mapping")
        return self


class OtelTraceReplay(SessionReplay):
    filter: str | None = Field(default=None, description="Which records to keep.")
    disable_output_substitution: bool = Field(default=False, description="Send recorded outputs instead of live ones.")
    attribute_to_header_map: dict[str, str] | None = Field(default=None, description="Span attribute -> header.")
    attribute_to_label_map: dict[str, str] | None = Field(default=None, description="Span attribute -> label.")
    bad_tool_call_handling: Literal["none", "use_recorded"] = Field(
        default="none", description="When the model's tool call is not JSON."
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> OtelTraceReplay:
        rewrites = self.inject_random_session_id or self.duplicate_sessions_target is not None
        if self.disable_output_substitution and rewrites:
            raise wrong(
                "disable_output_substitution contradicts inject_random_session_id and duplicate_sessions_target",
                "these rewrite recorded outputs: keep one side",
            )
        return self


class WekaTraceReplay(SessionReplay):
    trace_idle_gap_cap_seconds: Annotated[Number, Field(ge=0)] = Field(
        default=60.0, description="Longest idle gap kept."
    )
    ignore_trace_delays: bool = Field(default=False, description="Back to back.")
    use_think_time_only: bool = Field(default=False, description="Only think_time counts.")
    default_block_size: Count = Field(default=64, description="Tokens of a block where the trace does not say.")
    num_dataset_entries: Count = Field(default=100, description="Traces to load from the hub.")


class VisionArena(Section):
    hf_dataset_name: str = Field(default="lmarena-ai/VisionArena-Chat", description="Hub data set.")
    hf_split: str = Field(default="train", description="Split.")
    hf_data_files: str | None = Field(default=None, description="Glob of files to load.")
    num_rows: Count = Field(default=1000, description="Rows kept in memory.")
    max_images_per_request: Count = Field(default=1, description="Images a request may carry.")
    insertion_point: InsertionPoint = Field(
        default=0.0, description="Place of the images in the text: 0.0 before it, 1.0 after it."
    )
