"""What a completion request asks for: its JSON body read once into a frozen value, or refused as vLLM refuses it.

Prompt tokens are counted as whitespace-separated words of the prompt or of all messages' texts (a prompt given as token
ids: as ids), at least 1. Fields that would not change the simulated answer are accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from orchestrator.mockserver.config import MockConfig

MAX_CHOICES = 128


class AskError(Exception):
    """The body cannot be served: a 400 with this message; `param` is the offending field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.param = message, param


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, all defaults applied. Each of `choices` answers has `tokens` tokens and ends with `finish`."""

    chat: bool
    stream: bool
    include_usage: bool
    model: str
    choices: int
    asked_tokens: int
    tokens: int
    finish: str
    prompt_words: tuple[str, ...]
    prompt_tokens: int


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    ignore_eos: bool | None = None


class _ChatBody(_Body, kw_only=True):
    messages: list[_Message]
    max_completion_tokens: int | None = None


class _CompletionBody(_Body, kw_only=True):
    prompt: str | list[str | int | list[int]]


_CHAT: msgspec.json.Decoder[_ChatBody] = msgspec.json.Decoder(_ChatBody)
_COMPLETION: msgspec.json.Decoder[_CompletionBody] = msgspec.json.Decoder(_CompletionBody)
B = TypeVar("B")


def read_chat(body: bytes, config: MockConfig) -> Ask:
    """The ask of a /v1/chat/completions body. Raises AskError."""
    asked = _decode(_CHAT, body)
    if not asked.messages:
        raise AskError("messages must not be empty", "messages")
    words = tuple(word for text in _texts(asked.messages) for word in text.split())
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    return _ask(asked, limit, words, 1, config)


def read_completion(body: bytes, config: MockConfig) -> Ask:
    """The ask of a /v1/completions body; a list of prompts gives `n` choices each. Raises AskError."""
    asked = _decode(_COMPLETION, body)
    prompts = _prompts(asked.prompt)
    if not prompts:
        raise AskError("prompt must not be empty", "prompt")
    words = tuple(word for prompt in prompts for word in prompt)
    return _ask(asked, asked.max_tokens, words, len(prompts), config)


def _decode(decoder: msgspec.json.Decoder[B], body: bytes) -> B:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise AskError(str(error), _field_of(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AskError(f"There was an error parsing the body: {error}") from error


def _field_of(message: str) -> str | None:
    """The top-level field in msgspec's "... - at `$.field...`"; a missing one is named in the text itself."""
    _, found, path = message.partition("`$.")
    if found:
        return path.rstrip("`").split(".")[0].split("[")[0]
    _, found, name = message.partition("missing required field `")
    return name.split("`")[0] if found else None


def _texts(messages: list[_Message]) -> Iterator[str]:
    for message in messages:
        if isinstance(message.content, str):
            yield message.content
        elif message.content is not None:
            yield from (part.text for part in message.content if part.text is not None)


def _prompts(prompt: str | list[str | int | list[int]]) -> list[list[str]]:
    if isinstance(prompt, str):
        return [prompt.split()]
    if prompt and all(isinstance(piece, int) for piece in prompt):
        return [[str(piece) for piece in prompt]]
    found = []
    for piece in prompt:
        if isinstance(piece, int):
            raise AskError("prompt must not mix token ids and prompts", "prompt")
        found.append(piece.split() if isinstance(piece, str) else [str(token) for token in piece])
    return found


def _ask(asked: _Body, limit: int | None, words: tuple[str, ...], prompts: int, config: MockConfig) -> Ask:
    asked_tokens = config.default_max_tokens if limit is None else limit
    choices = 1 if asked.n is None else asked.n
    if asked.stream_options is not None and not asked.stream:
        raise AskError("Stream options can only be defined when `stream=True`.", "stream_options")
    if asked_tokens < 1:
        raise AskError(f"max_tokens must be at least 1, got {asked_tokens}.", "max_tokens")
    if asked_tokens > config.max_model_len:
        raise AskError(
            f"max_tokens={asked_tokens} cannot be greater than max_model_len={config.max_model_len}. Please request "
            f"fewer output tokens. (parameter=max_tokens, value={asked_tokens})",
            "max_tokens",
        )
    if not 1 <= choices <= MAX_CHOICES or choices * prompts > MAX_CHOICES:
        raise AskError(f"n must be 1 to {MAX_CHOICES} over all prompts, got {choices} for {prompts}.", "n")
    tokens, finish = _ending(asked_tokens, bool(asked.ignore_eos), config)
    return Ask(
        chat=isinstance(asked, _ChatBody),
        stream=bool(asked.stream),
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        model=asked.model or config.model,
        choices=choices * prompts,
        asked_tokens=asked_tokens,
        tokens=tokens,
        finish=finish,
        prompt_words=words,
        prompt_tokens=max(1, len(words)),
    )


def _ending(asked_tokens: int, ignore_eos: bool, config: MockConfig) -> tuple[int, str]:
    """How many tokens come, and why they end."""
    goes_on = ignore_eos and config.honours_ignore_eos
    if config.stop_after is not None and config.stop_after <= asked_tokens and not goes_on:
        return config.stop_after, "stop"
    return asked_tokens, "length"
