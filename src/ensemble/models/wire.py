"""One request over the shared HTTP session, its answer read under deadlines and limits.

For providers that speak HTTP themselves. Whatever goes wrong is a `ModelFailure`. Compressed
bodies are refused, since nobody asked for them and they have no honest size. Knows no
provider's format.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from ensemble.models.event_stream import BYTES_AT_MOST, PIECE_AT_MOST
from ensemble.models.faults import refusal
from ensemble.models.provider import Failure, ModelFailure, Usage

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_CONNECT_S: Final = 5.0
"""TCP and TLS."""
_LOOK_UP_S: Final = 25.0
"""The name's look-up, which a thread does: with thousands of calls it is a queue."""
_AT_ONCE_S: Final = 0.05
"""Whoever hangs up within this has not worked on a request."""
_ERROR_BYTES: Final = 64 * 1024
_OK: Final = 200


@dataclass(frozen=True)
class Endpoint:
    """One server, and how long to wait for it."""

    name: str
    """What it is called in `served`: a candidate's provider."""
    base_url: str
    """Up to and without the route, such as `/chat/completions`."""
    key_env: str | None = None
    """The environment variable that holds the key."""
    key: str | None = field(default=None, repr=False)
    """The key itself, for a server that we started."""
    first_byte_s: float = 120.0
    """From the request to the first byte of the answer."""
    idle_s: float = 60.0
    """Between two pieces of the answer."""
    llama_cpp: bool = False
    """Whether it is known to be llama.cpp's own server."""

    @property
    def secret(self) -> str:
        """The key that the environment holds now; empty where there is none."""
        return self.key or (os.environ.get(self.key_env, "") if self.key_env else "")


class Answer:
    """A response whose body is read under its deadlines: the first byte's, then idleness."""

    def __init__(self, response: "ClientResponse", first_by: float, idle_s: float) -> None:
        self._response = response
        self._first_by: float | None = first_by
        self._idle_s = idle_s
        self._size = 0

    @property
    def is_ok(self) -> bool:
        """Whether the server says that it answers."""
        return self._response.status == _OK

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events; else it is one JSON object.

        Raises:
            ModelFailure: it is neither.
        """
        kind = self._response.content_type
        if kind not in ("text/event-stream", "application/json"):
            text = f"the server answered {kind}, which no model does"
            raise ModelFailure(Failure.UNUSABLE, text)
        return kind == "text/event-stream"

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        now = asyncio.get_running_loop().time()
        until = now + self._idle_s if self._first_by is None else self._first_by
        try:
            async with asyncio.timeout_at(until):
                data = await self._response.content.readany()
        except TimeoutError:
            what = "the first byte" if self._first_by is not None else "the next piece"
            raise ModelFailure(Failure.TIMEOUT, f"{what} of the answer did not come") from None
        self._first_by = None
        self._size += len(data)
        if self._size > BYTES_AT_MOST:
            raise ModelFailure(Failure.UNUSABLE, "the answer is larger than 32 MiB")
        return data

    async def lines(self) -> AsyncGenerator[bytes]:
        """Yield the body's lines; the last one may lack its line break."""
        waiting = bytearray()
        while data := await self.read():
            waiting += data
            if b"\n" in data:
                *lines, waiting = waiting.split(b"\n")
                for line in lines:
                    yield bytes(line)
            if len(waiting) > PIECE_AT_MOST:
                raise ModelFailure(Failure.UNUSABLE, "one line is larger than 8 MiB")
        if waiting:
            yield bytes(waiting)

    async def whole(self) -> dict[str, Any]:
        """Return the whole body, which is one JSON object."""
        body = bytearray()
        while data := await self.read():
            body += data
            if len(body) > PIECE_AT_MOST:
                raise ModelFailure(Failure.UNUSABLE, "the answer is larger than 8 MiB")
        try:
            return mapping(json.loads(body.decode()))
        except (ValueError, RecursionError) as error:
            raise ModelFailure(Failure.UNUSABLE, f"the answer is no JSON: {error}") from None

    async def refuse_unless_ok(self) -> None:
        """Fail for an error status, and for a body that is compressed although nobody asked."""
        response = self._response
        if not self.is_ok:
            told = bytearray()
            while len(told) < _ERROR_BYTES and (data := await self.read()):
                told += data
            text = told[:_ERROR_BYTES].decode(errors="replace")
            raise refusal(response.status, text, response.headers)
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise ModelFailure(Failure.UNUSABLE, f"the answer is compressed, {encoding}, unasked")


@asynccontextmanager
async def answered(
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    first_byte_s: float,
    idle_s: float,
) -> AsyncGenerator[Answer]:
    """Post `body` and yield the answer, which has an ok status.

    Args:
        url: where to.
        body: sent as JSON.
        headers: beside those of JSON.
        first_byte_s: from the request to the first byte of the answer.
        idle_s: between two pieces of the answer.

    Raises:
        ModelFailure: it could not be asked, refused, or broke off; its `usage` is empty where the
            server may have worked on it.
    """
    import aiohttp

    asked_at = asyncio.get_running_loop().time()
    first_by = asked_at + first_byte_s
    answer: Answer | None = None
    try:
        async with asyncio.timeout_at(first_by):
            response = await _posted(url, json.dumps(body), headers)
        async with response:
            answer = Answer(response, first_by, idle_s)
            await answer.refuse_unless_ok()
            yield answer
    except ModelFailure as failure:
        failure.usage = Usage() if answer and answer.is_ok else None
        raise
    except TimeoutError as error:  # aiohttp's own, of the connection, is one too
        usage = None if isinstance(error, aiohttp.ConnectionTimeoutError) else Usage()
        text = f"no answer within {first_byte_s:g} s"
        raise ModelFailure(Failure.TIMEOUT, text, usage=usage) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        usage = Usage() if _was_asked(error, asked_at) else None
        text = str(error) or type(error).__name__
        raise ModelFailure(Failure.TRANSPORT, text, usage=usage) from error


def _was_asked(error: Exception, at: float) -> bool:
    """Return whether the server may have worked on what was sent before it was lost."""
    import aiohttp

    never = (aiohttp.ClientConnectorError, aiohttp.InvalidURL)
    return not isinstance(error, never) and asyncio.get_running_loop().time() > at + _AT_ONCE_S


async def _posted(url: str, body: str, headers: Mapping[str, str]) -> "ClientResponse":
    """Post on the shared session; again where the server had just hung up on a kept connection."""
    import aiohttp

    asked_at = asyncio.get_running_loop().time()
    sent = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
    kept: list[bool] = []

    def post() -> Awaitable["ClientResponse"]:
        return shared_session().post(
            url, data=body, headers=sent, allow_redirects=False, trace_request_ctx=kept
        )

    try:
        return await post()
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        if not kept or _was_asked(error, asked_at):
            raise
    return await post()


async def _was_kept(_: Any, context: Any, __: Any) -> None:
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.append(True)


def shared_session() -> "ClientSession":
    """Return this event loop's HTTP session; `close_session` closes it."""
    import aiohttp

    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_was_kept)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=_LOOK_UP_S + _CONNECT_S, sock_connect=_CONNECT_S
            ),
            auto_decompress=False,
            trace_configs=[trace],
        )
        _sessions[loop] = session
    return session


async def close_session() -> None:
    """Close this event loop's HTTP session, once nobody asks any more."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else a server may send in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSession]" = WeakKeyDictionary()
