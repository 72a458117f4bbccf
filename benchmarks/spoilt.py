"""Pieces of a stream that are spoilt, in the shapes of each route. Knows no server."""

from typing import Final

_DELTA: Final = b'data: {"type": "content_block_delta", "index": 0, "delta": '
SPOILT: Final[dict[str, tuple[int, bytes, bytes, bytes]]] = {
    "openai": (
        1,
        b'data: {"choices": "x"}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b": a comment\n\n",
    ),
    "anthropic": (
        4,
        _DELTA + b'"x"}\n\n',
        _DELTA + b'{"type": "text_delta", "text": "\xff"}}\n\n',
        b": a comment\n\n",
    ),
    "ollama": (
        1,
        b'{"message": 7, "done": false}\n',
        b'{"message": {"content": "\xff"}, "done": false}\n',
        b" \n",
    ),
}
"""By route: where a stream brings text, that piece in another shape, and as bytes that are no
UTF-8, and what may stand between pieces."""
