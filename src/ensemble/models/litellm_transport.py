"""What litellm's HTTP clients read for us, held to limits that litellm does not have.

A stream may have 32 MiB, a line of it 1, comments in a row 1/4, any other body 2. None is
compressed unasked. An event is UTF-8 and, where it begins as JSON, JSON: litellm passes over
what it cannot read, and takes the rest for the whole answer. Whatever else in the process
asks over these clients is left alone. Has never heard of litellm's routes.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any, Final, cast

import httpx
from typing_extensions import override

from ensemble.models.event_stream import BYTES_AT_MOST
from ensemble.models.provider import Failure, ModelFailure, Usage

LINE_AT_MOST: Final = 2**20
BODY_AT_MOST: Final = 2**21
SILENT_AT_MOST: Final = 2**18
"""Bytes of comments and blank lines in a row, over which litellm takes its time."""
_EVENT: Final = b"data:"
_FAULTS: ContextVar[list[ModelFailure] | None] = ContextVar("faults of this call", default=None)


@contextmanager
def watched() -> Generator[list[ModelFailure]]:
    """Hold what is asked in this context to the limits; what breaks them is in the list."""
    faults: list[ModelFailure] = []
    token = _FAULTS.set(faults)
    try:
        yield faults
    finally:
        _FAULTS.reset(token)


def watching_transport(
    *, ssl_context: SSLContext | None = None, ssl_verify: bool | None = None, **_: Any
) -> httpx.AsyncHTTPTransport:
    """Return a transport for one of litellm's clients, called as litellm calls its own maker."""
    usual = ssl_verify is None or ssl_verify
    return _WatchingTransport(verify=ssl_context or usual)


class _WatchingTransport(httpx.AsyncHTTPTransport):
    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        faults = _FAULTS.get()
        if faults is None:
            return await super().handle_async_request(request)
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            await response.aclose()
            told = f"the answer is compressed, {encoding}, unasked"
            faults.append(ModelFailure(Failure.UNUSABLE, told))
            raise faults[-1]
        events = response.headers.get("Content-Type", "").startswith("text/event-stream")
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _WatchedStream(body, faults, events=events)
        return response


class _WatchedStream(httpx.AsyncByteStream):
    """A body that is passed on as it comes, until it breaks a limit."""

    def __init__(
        self, body: httpx.AsyncByteStream, faults: list[ModelFailure], *, events: bool
    ) -> None:
        self._body = body
        self._faults = faults
        self._events = events

    @override
    async def __aiter__(self) -> AsyncGenerator[bytes]:
        size, silent, line = 0, 0, bytearray()
        pieces: AsyncIterator[bytes] = aiter(self._body)
        async for piece in pieces:
            size += len(piece)
            if size > (BYTES_AT_MOST if self._events else BODY_AT_MOST):
                self._refuse(f"the answer is larger than {32 if self._events else 2} MiB")
            line += piece
            *lines, line = line.split(b"\n")
            if self._events and len(line) > LINE_AT_MOST:
                self._refuse("one line of the answer is larger than 1 MiB")
            if self._events and not all(_is_sound(one) for one in lines):
                self._refuse("an event of the stream is malformed")
            heard = any(one.startswith(_EVENT) for one in lines)
            silent = 0 if heard else silent + sum(len(one) + 1 for one in lines)
            if self._events and silent > SILENT_AT_MOST:
                self._refuse("256 KiB of the stream say nothing")
            yield piece

    @override
    async def aclose(self) -> None:
        await self._body.aclose()

    def _refuse(self, why: str) -> None:
        self._faults.append(ModelFailure(Failure.UNUSABLE, why, usage=Usage()))
        raise self._faults[-1]


def _is_sound(line: bytes | bytearray) -> bool:
    try:
        text = line.decode()
        if line.startswith(_EVENT) and (told := text[len(_EVENT) :].strip()).startswith("{"):
            json.loads(told)
    except (ValueError, RecursionError):
        return False
    return True
