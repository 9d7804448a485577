"""`tokenizer`: used on this machine to make prompts of exact length; a worker never needs one."""

from __future__ import annotations

from pydantic import Field

from orchestrator.config.secret import SecretValue
from orchestrator.config.section import Section


class Tokenizer(Section):
    pretrained_model_name_or_path: str | None = Field(
        default=None,
        min_length=1,
        description="A folder with tokenizer.json, that file, or a name on the Hugging Face hub. Default: the model's"
        " name.",
    )
    trust_remote_code: bool = Field(
        default=False, description="Accepted; no effect: a tokenizer's own code is never run."
    )
    token: SecretValue | None = Field(default=None, description="Hub token: a reference, {env: HF_TOKEN}.")
