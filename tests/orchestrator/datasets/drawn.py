"""What a dataset draws, read back as messages; and files for it to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from function.contract.workload import CONTINUE, ROLES
from orchestrator.config.root import Config
from orchestrator.datasets.port import Dataset, Requests
from tests.orchestrator.plan.planned import config as planned_config

ONE_STAGE = {"stages": [{"rate": 1, "duration": 1}]}


def config(data: dict[str, Any], api: str = "chat") -> Config:
    return planned_config(ONE_STAGE, data=data, api={"type": api, "streaming": True})


def messages(dataset: Dataset, requests: Requests) -> list[list[tuple[str, str]]]:
    """Each request's messages, unescaped; a piece that cuts an escape or a character fails here."""
    found = []
    for a, b in zip(requests.offsets[:-1].tolist(), requests.offsets[1:].tolist()):
        said: list[tuple[str, str]] = []
        for i in range(a, b):
            start = int(requests.start[i])
            body = dataset.texts[requests.text[i]][start : start + int(requests.bytes[i])]
            text = str(json.loads(b'"' + body + b'"'))
            role = int(requests.role[i])
            said = [*said[:-1], (said[-1][0], said[-1][1] + text)] if role == CONTINUE else [*said, (ROLES[role], text)]
        found.append(said)
    return found


def ask(dataset: Dataset, ks: Sequence[int]) -> list[list[tuple[str, str]]]:
    return messages(dataset, dataset.draw(np.array(ks, dtype=np.int64)))


def prompts(dataset: Dataset, ks: Sequence[int]) -> list[str]:
    return ["".join(text for _, text in said) for said in ask(dataset, ks)]


def write(path: Path, value: Any) -> str:
    """As JSON; text and bytes as they are."""
    body = (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )
    path.write_bytes(body)
    return str(path)


class Words:
    """Counts words, as a tokenizer would whose every word is one token."""

    def count(self, texts: Sequence[str]) -> Any:
        return np.array([len(text.split()) for text in texts], dtype=np.int64)
