"""Plans for tests: a config from a few sections, and a built plan read back as a worker reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from function.contract import codec
from function.contract.spec import ShardSpec
from function.contract.workload import CONTINUE, ROLES
from orchestrator.config.load import Stage
from orchestrator.config.loading import load_config
from orchestrator.config.root import Config
from orchestrator.datasets.opening import open_dataset
from orchestrator.plan.build import Built, PlanInputs, build
from orchestrator.plan.outline import Outline, outline
from orchestrator.plan.shapes import Shape, shape_of

DATA = Path(__file__).resolve().parents[3] / "configs" / "data"
TOKENIZER = str(DATA / "tokenizer.json")
CONVERSATIONS = str(DATA / "conversations.json")


def stage(**keys: Any) -> Stage:
    return Stage.model_validate(keys)


def shape(**keys: Any) -> Shape:
    return shape_of(stage(**keys))


def config(load: dict[str, Any], **sections: Any) -> Config:
    """`load` needs stages; api, server and data have defaults that need no endpoint, file or tokenizer."""
    tree = {
        "api": {"type": "chat", "streaming": True},
        "server": {"type": "vllm", "model_name": "m", "base_url": "http://127.0.0.1:9"},
        "data": {"type": "mock"},
        "load": {"base_seed": 7, **load},
        **sections,
    }
    return load_config(yaml.safe_dump(tree), (), {}).config


def inputs(asked: Config, **changes: Any) -> PlanInputs:
    fields: dict[str, Any] = {
        "run_id": "r",
        "provider": "local",
        "target_root": "http://127.0.0.1:9",
        "models": ("m",),
        "seed": 7 if asked.load.base_seed is None else asked.load.base_seed,
        "code_version": "c",
        "benchctl_version": "0",
        "now_unix_ns": 1,
        "config_redacted": "x: 1\n",
        "cpus": 4,
    }
    return PlanInputs(**{**fields, **changes})


def outlined(load: dict[str, Any], **sections: Any) -> Outline:
    asked = config(load, **sections)
    return outline(asked, inputs(asked))


def built(load: dict[str, Any], tokenizer: Any = None, changes: dict[str, Any] | None = None, **sections: Any) -> Built:
    asked = config(load, **sections)
    given = inputs(asked, **(changes or {}))
    counted = outline(asked, given)
    return build(asked, given, open_dataset(asked, given.seed, counted.past_k, tokenizer), counted)


@dataclass(frozen=True)
class Request:
    k: int
    scheduled_ns: int
    stage: int
    output_tokens: int
    prompt_tokens: int
    messages: tuple[tuple[str, str], ...]


def table(body: bytes) -> Any:
    return pa.ipc.open_file(io.BytesIO(body)).read_all()


def spec(files: Any) -> ShardSpec:
    return codec.decode(ShardSpec, files.spec_bytes)


def requests(made: Built, files: Any) -> Iterator[Request]:
    """The shard's requests, their prompts put together from the texts that its spec names."""
    texts = [made.texts[ref.sha256] for ref in spec(files).texts]
    for row in table(files.workload_bytes).to_pylist():
        pieces = zip(row["piece_role"], row["piece_text"], row["piece_start"], row["piece_bytes"])
        messages: list[tuple[str, bytes]] = []
        for role, text, start, size in pieces:
            said = texts[text][start : start + size]
            if role == CONTINUE:
                messages[-1] = (messages[-1][0], messages[-1][1] + said)
            else:
                messages.append((ROLES[role], said))
        spoken = tuple((role, _unescaped(body)) for role, body in messages)
        yield Request(
            row["request_index"],
            row["scheduled_ns"],
            row["stage"],
            row["output_tokens"],
            row["prompt_tokens"],
            spoken,
        )


def every_request(made: Built) -> list[Request]:
    return [one for files in made.shards for one in requests(made, files)]


def _unescaped(body: bytes) -> str:

    return str(json.loads(b'"' + body + b'"'))
