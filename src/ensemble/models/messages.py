"""Messages as plain data: what is fingerprinted, and what every provider sends.

Seats act through a schema of their own, not through a provider's tool calls, so a message is
a role and a text. Knows langchain-core's messages by their shape only and never imports it.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ensemble.canonical import without_surrogates

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_ROLES: Final = {"system": "system", "ai": "assistant", "AIMessageChunk": "assistant"}
BYTES_PER_TOKEN: Final = 3.6
"""About what one token holds in English and code."""
_BYTES_PER_TOKEN_AT_MOST: Final = 5.0
_TOKENS_PER_MESSAGE: Final = 4
_REPEATED: Final = re.compile(r"(\s|\W|_)\1{2,}")


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


def text_tokens(text: str) -> int:
    """Return about how many tokens a text is, from its bytes alone."""
    return round(len(text.encode()) / BYTES_PER_TOKEN)


def estimated_tokens(messages: Iterable[dict[str, Any]]) -> int:
    """Return about how many tokens the messages are, from their bytes alone."""
    return sum(_TOKENS_PER_MESSAGE + text_tokens(str(message["content"])) for message in messages)


def fewest_tokens(messages: Iterable[dict[str, Any]], *, enough: float = 0) -> int:
    """Return how many tokens the messages have at least, whoever counts.

    Plain English has 4.2 to 4.8 bytes a token with today's vocabularies; code and other
    languages have fewer. Indents and rules of one character repeated are a token or two: they
    are looked for, which is slow, only where there seem to be more than `enough` tokens.
    """
    texts = [str(message["content"]) for message in messages]
    fewest = _fewest_of(texts)
    if fewest <= enough:
        return fewest
    return _fewest_of([_REPEATED.sub(r"\1", text) for text in texts])


def _fewest_of(texts: Iterable[str]) -> int:
    return round(sum(len(text.encode()) for text in texts) / _BYTES_PER_TOKEN_AT_MOST)


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
