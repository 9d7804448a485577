"""Who says what: the many spellings of a conversation's turns, read as (role, text). Sends nothing, skips nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

_USER = "user human prompter question input instruction customer"
_ASSISTANT = "assistant gpt bot chatgpt model chatbot ai bard bing claude gemini llm output response answer"
SPELLINGS: dict[str, str] = {
    **dict.fromkeys(_USER.split(), "user"),
    **dict.fromkeys(_ASSISTANT.split(), "assistant"),
    **dict.fromkeys(("system", "system_prompt"), "system"),
    "developer": "developer",
    **dict.fromkeys(("tool", "function", "observation", "function_response", "tool_response"), "tool"),
}
_ROLE_KEYS = ("from", "role", "speaker", "author")
_TEXT_KEYS = ("value", "content", "text")


class Unfit(Exception):
    """An entry that cannot be asked. `reason` is what it is counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Turn(NamedTuple):
    role: str
    text: str


def turn(value: Any) -> Turn:
    """Unfit: `malformed` (no object, no role, no text), `unknown_role`, `not_text` (images)."""
    if not isinstance(value, dict):
        raise Unfit("malformed")
    said = next((value[key] for key in _ROLE_KEYS if isinstance(value.get(key), str)), None)
    if said is None or not any(key in value for key in _TEXT_KEYS):
        raise Unfit("malformed")
    role = SPELLINGS.get(said.strip().lower())
    if role is None:
        raise Unfit("unknown_role")
    content = next((value[key] for key in _TEXT_KEYS if value.get(key) is not None), None)
    return Turn(role, text_of(content))


def text_of(content: Any) -> str:
    """Text as it stands, null as none, a list of text parts joined."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    raise Unfit("malformed")


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    raise Unfit("not_text" if isinstance(part, dict) else "malformed")
