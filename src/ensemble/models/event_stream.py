"""Server-sent events, read strictly: each is one JSON object, the last is `[DONE]`.

A stream that breaks off, holds anything else or is too large fails; what was read until then
is never an answer. Knows no deadlines: those are the reader's.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, cast

from ensemble.models.faults import beginning
from ensemble.models.provider import Failure, ModelFailure

BYTES_AT_MOST: Final = 32 * 1024 * 1024
PIECE_AT_MOST: Final = 8 * 1024 * 1024
"""Bytes that are held at once: one event, or an answer that is not streamed."""
_SHOWN: Final = 80
_FIELDS: Final = (b"event:", b"id:", b"retry:")


async def events(
    read: Callable[[], Awaitable[bytes]],
) -> AsyncGenerator[dict[str, Any]]:
    """Yield the objects of a stream up to `[DONE]`.

    Args:
        read: returns the next bytes, none at the end.

    Raises:
        ModelFailure: the stream ends early, is malformed or over 32 MiB, or an event is over 8.
    """
    waiting, size = bytearray(), 0
    while data := await read():
        size += len(data)
        if size > BYTES_AT_MOST:
            raise ModelFailure(Failure.UNUSABLE, "the answer is larger than 32 MiB")
        waiting += data
        if b"\n" not in data:
            if len(waiting) > PIECE_AT_MOST:
                raise ModelFailure(Failure.UNUSABLE, "one event is larger than 8 MiB")
            continue
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            found = _event(line)
            if found is None:
                continue
            if not found:
                return
            yield found
    if not _is_done(waiting):
        raise ModelFailure(Failure.TRANSPORT, "the stream ended before [DONE]")


def _event(line: bytes | bytearray) -> dict[str, Any] | None:
    """Return the event on a line: None for none, an empty one for `[DONE]`."""
    line = bytes(line).strip(b"\r")
    if not line or line.startswith((b":", *_FIELDS)):
        return None
    if not line.startswith(b"data:"):
        raise ModelFailure(Failure.UNUSABLE, f"no event stream: {_shown(line)!r}")
    payload = line[5:].strip()
    if payload == b"[DONE]":
        return {}
    try:
        event: Any = json.loads(payload.decode())
    except (ValueError, RecursionError):
        raise ModelFailure(Failure.UNUSABLE, f"a malformed event: {_shown(payload)!r}") from None
    if not isinstance(event, dict) or not event:
        raise ModelFailure(Failure.UNUSABLE, f"an event of no use: {_shown(payload)!r}")
    return cast("dict[str, Any]", event)


def _shown(data: bytes) -> str:
    return beginning(data.decode(errors="replace"), _SHOWN)


def _is_done(line: bytes | bytearray) -> bool:
    """Return whether a last line without its line break is `[DONE]`."""
    return line.strip(b"\r").removeprefix(b"data:").strip() == b"[DONE]"
