"""The APIs benchctl speaks, by the name they have in a spec."""

from __future__ import annotations

from function.dialects.chat import CHAT
from function.dialects.completion import COMPLETION
from function.dialects.port import Dialect

DIALECTS: dict[str, Dialect] = {"chat": CHAT, "completion": COMPLETION}
