"""Messages as plain data: what is fingerprinted, and what every provider sends.

Seats act through a schema of their own, not through a provider's tool calls, so a message is
a role and a text. Knows langchain-core's messages by their shape only and never imports it.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ensemble.canonical import without_surrogates

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_ROLES: Final = {"system": "system", "ai": "assistant", "AIMessageChunk": "assistant"}


def plain(messages: "Iterable[BaseMessage]") -> list[dict[str, Any]]:
    """Return the messages as `{"role", "content"}`; whoever is no system or model is the user."""
    return [
        {"role": _ROLES.get(message.type, "user"), "content": without_surrogates(_text(message))}
        for message in messages
    ]


def cached_content(text: str) -> list[dict[str, Any]]:
    """Return a message's content whose end a prompt cache keeps for five minutes."""
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def shared_key(shared: Iterable[dict[str, Any]]) -> str:
    """Return a name for messages that all seats share; it says nothing of them."""
    return hashlib.sha256(json.dumps([*shared]).encode()).hexdigest()[:32]


def is_json(text: str) -> bool:
    """Return whether the whole text is one JSON object or list."""
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _text(message: "BaseMessage") -> str:
    content: Any = message.content
    if isinstance(content, str):
        return content
    parts: list[Any] = list(content)
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)
