"""`data`: what is asked. Where prompts come from and how long outputs shall be; reading them is another's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.distribution import Distribution
from orchestrator.config.multimodal import Multimodal
from orchestrator.config.replay import (
    ConversationReplay,
    OtelTraceReplay,
    SharedPrefix,
    Trace,
    VisionArena,
    WekaTraceReplay,
)
from orchestrator.config.section import NOT_YET, Section

DataType = Literal[
    "mock",
    "shareGPT",
    "random",
    "file",
    "synthetic",
    "shared_prefix",
    "cnn_dailymail",
    "infinity_instruct",
    "billsum_conversations",
    "conversation_replay",
    "otel_trace_replay",
    "weka_trace_replay",
    "visionarena",
]


class Data(Section):
    """The workload's source."""

    type: DataType = Field(
        default="mock",
        description="mock (short made-up prompts), shareGPT (conversations from `path`), random (exact token lengths),"
        " file (your own prompts or messages). The other types are checked, not run yet.",
    )
    path: str | None = Field(
        default=None,
        description="File or folder, for shareGPT and file. Looked for from the current directory, then beside the"
        " config file.",
    )
    unique: bool = Field(
        default=True,
        description="A row used again gets a lead-in of its own, so that a prefix cache cannot answer it. false: sent"
        " word for word each time. For mock, shareGPT and file.",
    )
    enable_multi_turn_chat: bool = Field(
        default=False,
        description="Play conversations turn by turn: every user turn is a request, sent once the one before has ended."
        " For shareGPT and file, with load.type concurrent. false: one request for each conversation.",
    )
    disable_output_substitution: bool = Field(
        default=False,
        description="With enable_multi_turn_chat: a turn's history holds the recorded answers instead of those that"
        " came from the server, so that prompts are the same in every run.",
    )
    format: Literal["auto", "jsonl", "csv", "parquet"] = Field(
        default="auto", description="Of `path`, for type file. auto: by the file's ending."
    )
    prompt_key: str = Field(default="prompt", min_length=1, description="Column with the prompt's text, for type file.")
    messages_key: str = Field(
        default="messages", min_length=1, description="Column with chat messages ({role, content}), for type file."
    )
    output_tokens_key: str = Field(
        default="output_tokens", min_length=1, description="Column with the output tokens to ask, for type file."
    )
    output_tokens: Distribution | None = Field(
        default=None,
        description="Output tokens to ask where a row does not say: a number or a distribution. For type file.",
    )
    input_distribution: Distribution | None = Field(
        default=None, description="Prompt lengths in tokens, for random. For shareGPT its min and max filter."
    )
    output_distribution: Distribution | None = Field(
        default=None, description="Output lengths in tokens, for random. For shareGPT its min and max filter."
    )
    use_chat_template: bool = Field(
        default=False, description="random on completions: wrap prompts in the tokenizer's chat template." + NOT_YET
    )
    corpus_file_path: str | None = Field(
        default=None, description="Text that synthetic prompts are cut from." + NOT_YET
    )
    trace: Trace | None = Field(default=None, description="Lengths from a recorded trace, for random." + NOT_YET)
    shared_prefix: SharedPrefix | None = Field(default=None, description="For type shared_prefix." + NOT_YET)
    multimodal: Multimodal | None = Field(default=None, description="Media beside synthetic prompts." + NOT_YET)
    conversation_replay: ConversationReplay | None = Field(default=None, description="For its type." + NOT_YET)
    otel_trace_replay: OtelTraceReplay | None = Field(default=None, description="For its type." + NOT_YET)
    weka_trace_replay: WekaTraceReplay | None = Field(default=None, description="For its type." + NOT_YET)
    visionarena: VisionArena | None = Field(default=None, description="For its type." + NOT_YET)
