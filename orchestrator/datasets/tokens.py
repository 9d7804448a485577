"""The one door to `tokenizers`, and to the hub for a tokenizer.json. Counts, and lists words; decides nothing.

A name is a folder with tokenizer.json, that file, or a name on the hub. The hub is asked only when it may be and only
when the file is not cached; a hub that does not answer within seconds is a UsageError, never a wait.
"""

from __future__ import annotations

import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from function.contract.errors import UsageError
from orchestrator.config.root import Config
from orchestrator.datasets.port import Int64

PATH = "tokenizer.pretrained_model_name_or_path"
HUB_TIMEOUT_S = 5.0
_FILE = "tokenizer.json"
_BATCH = 2048
_WORD = re.compile(r"[Ġ▁]?([a-z]{2,12})")


class Tokenizer:
    """Counts content tokens only: no special tokens, no truncation, no padding, whatever the file says."""

    def __init__(self, inner: Any) -> None:
        inner.no_truncation()
        inner.no_padding()
        self._inner = inner

    def count(self, texts: Sequence[str]) -> Int64:
        counts: list[int] = []
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            counts += [len(each.ids) for each in self._inner.encode_batch_fast(batch, add_special_tokens=False)]
        return np.array(counts, dtype=np.int64)

    def words(self) -> list[str]:
        """Lower-case words of the vocabulary, in the order of their ids, each once."""
        by_id = sorted(self._inner.get_vocab().items(), key=lambda item: item[1])
        matches = (_WORD.fullmatch(token) for token, _ in by_id)
        return list(dict.fromkeys(match[1] for match in matches if match))


def tokenizer_name(config: Config) -> str | None:
    """The tokenizer the workload is counted with, None where it needs none. UsageError: needed, and not named."""
    if config.data.type == "mock":
        return None
    named = config.tokenizer.pretrained_model_name_or_path
    if named is not None or config.data.type != "random":
        return named
    if config.server.model_name is None or config.server.embedded:
        raise unavailable("data.type random needs a tokenizer to make prompts of exact length")
    return config.server.model_name


def hub_token(config: Config, env: Mapping[str, str]) -> str | None:
    """The token's value, which stays on this machine. UsageError when the reference cannot be followed from here."""
    secret = config.tokenizer.token
    if secret is None:
        return None
    if secret.literal is not None:
        return secret.literal.get_secret_value()
    value = env.get(secret.name) if secret.source == "env" else None
    if not value:
        why = f"{secret.name} is not set" if secret.source == "env" else f"{secret.source} is not read for tokenizers"
        raise UsageError(f"tokenizer.token: {why}", path="tokenizer.token", hint="{env: HF_TOKEN}", code="env_unset")
    return value


def open_tokenizer(name: str, token: str | None = None, network: bool = True) -> Tokenizer:
    """UsageError `tokenizer_unavailable` where it is not at hand. `network` False: this machine's files and cache."""
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / _FILE
    if not path.is_file():
        path = _cached(name) or (_download(name, token) if network else _not_here(name))
    import tokenizers

    try:
        return Tokenizer(tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # tokenizers raises nothing narrower
        raise unavailable(f"{path} is not a tokenizer: {error}") from error


def unavailable(message: str) -> UsageError:
    hint = "a folder with tokenizer.json, that file, or a name on the hub"
    return UsageError(message, path=PATH, hint=hint, code="tokenizer_unavailable")


def _not_here(name: str) -> Path:
    raise unavailable(f"the tokenizer {name} is not on this machine")


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, _FILE)
    except HFValidationError as error:
        raise unavailable(f"{name} is neither a path here nor a name on the hub") from error
    return Path(found) if isinstance(found, str) else None


def _download(name: str, token: str | None) -> Path:
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        _not_here(name)
    _probe(name, hf_hub_url(name, _FILE), token)
    try:
        return Path(hf_hub_download(name, _FILE, token=token, etag_timeout=HUB_TIMEOUT_S))
    except (HfHubHTTPError, OSError) as error:
        raise unavailable(f"the tokenizer {name} could not be fetched from the hub: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer; following it would carry the token to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _probe(name: str, url: str, token: str | None) -> None:
    """Asks the hub whether it has the file. huggingface_hub's own retries would take 23 s to say that nobody answers.

    In a thread, because a name server that is silent holds getaddrinfo longer than any timeout of the socket.
    """
    answer: list[int | str] = []

    def ask() -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(url, method="HEAD", headers=headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=HUB_TIMEOUT_S) as reply:
                answer.append(reply.status)
        except urllib.error.HTTPError as error:
            answer.append(error.code)
        except (OSError, ValueError) as error:
            answer.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=ask, name="hub-probe", daemon=True)
    thread.start()
    thread.join(HUB_TIMEOUT_S + 1)
    status = answer[0] if answer else "no answer"
    if isinstance(status, str):
        raise unavailable(f"the tokenizer {name} is not on this machine, and the hub cannot be reached ({status})")
    if status in (401, 403):
        raise unavailable(f"the hub refuses the tokenizer {name} ({status}): set tokenizer.token, or check its name")
    if status == 404:
        raise unavailable(f"the hub has no {_FILE} for {name}")
