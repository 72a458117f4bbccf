"""Any OpenAI-compatible server, over one shared HTTP session per event loop.

Answers are streamed, so that a hang is seen early; only a whole answer is one. Compressed
bodies are refused, since nobody asked for them and they have no honest size.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ensemble.models.event_stream import PIECE_AT_MOST, events
from ensemble.models.faults import DECLINED, failure_of, refusal
from ensemble.models.messages import plain, shared_key
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
    Usage,
)

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_CONNECT_S: Final = 5.0
"""TCP and TLS."""
_LOOK_UP_S: Final = 25.0
"""The name's look-up, which a thread does: with thousands of calls it is a queue."""
_KEYED: Final = ("api.openai.com", "api.mistral.ai")
"""Hosts that document `prompt_cache_key`."""
_ERROR_BYTES: Final = 64 * 1024
_OK: Final = 200
_BAD_REQUEST: Final = 400


@dataclass(frozen=True)
class Endpoint:
    """One server, and how long to wait for it."""

    name: str
    """What it is called in `served`: a candidate's provider."""
    base_url: str
    """Up to and without `/chat/completions`."""
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

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, with the key."""
        key = self.secret
        plain_headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        return {**plain_headers, "Authorization": f"Bearer {key}"} if key else plain_headers


def openai_chat(endpoint: Endpoint) -> Provider:
    """Return the provider that asks the server at `endpoint`."""

    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        heard = _Answer(call)
        try:
            body = {**_body(candidate, call), **cache_hints(endpoint, call)}
            await _exchange(endpoint, body, heard)
        except ModelFailure as failure:
            failure.partial = heard.text
            raise
        return heard.reply(f"{endpoint.name}/{candidate.model}")

    return ask_server


def shared_session() -> "ClientSession":
    """Return this event loop's HTTP session; `close_session` closes it."""
    import aiohttp

    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=_LOOK_UP_S + _CONNECT_S, sock_connect=_CONNECT_S
            ),
            auto_decompress=False,
        )
        _sessions[loop] = session
    return session


async def close_session() -> None:
    """Close this event loop's HTTP session, once nobody asks any more."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSession]" = WeakKeyDictionary()


def _body(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": candidate.model,
        "messages": plain(call.messages),
        "temperature": call.params.temperature,
        "max_tokens": call.params.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if call.params.seed is not None:
        body["seed"] = call.params.seed
    if call.schema is not None and candidate.json_schema:
        schema = {"name": "answer", "schema": dict(call.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def cache_hints(endpoint: Endpoint, call: ModelCall) -> dict[str, Any]:
    """Return what leads calls that begin alike to one prompt cache.

    Only to whom documents it: others may refuse a field that they do not know.
    """
    if endpoint.llama_cpp:
        return {"cache_prompt": True}
    host = urlsplit(endpoint.base_url).hostname or ""
    return {"prompt_cache_key": shared_key(call)} if call.shared and host in _KEYED else {}


async def _exchange(endpoint: Endpoint, body: dict[str, Any], heard: "_Answer") -> None:
    """Send the request and hear the whole answer, or fail."""
    import aiohttp

    url = f"{endpoint.base_url.rstrip('/')}/chat/completions"
    first_by = asyncio.get_running_loop().time() + endpoint.first_byte_s
    try:
        async with asyncio.timeout_at(first_by):
            response = await shared_session().post(
                url, data=json.dumps(body), headers=endpoint.headers, allow_redirects=False
            )
        async with response, aclosing(_chunks(_Body(response, endpoint, first_by))) as chunks:
            async for chunk in chunks:
                heard.take(chunk)
    except TimeoutError:  # aiohttp's own, of the connection, is one too
        text = f"no answer within {endpoint.first_byte_s:g} s"
        raise ModelFailure(Failure.TIMEOUT, text) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ModelFailure(Failure.TRANSPORT, str(error) or type(error).__name__) from error


class _Body:
    """A response whose body is read under its deadlines: the first byte's, then idleness."""

    def __init__(self, response: "ClientResponse", endpoint: Endpoint, first_by: float) -> None:
        self.response = response
        self._idle_s = endpoint.idle_s
        self._first_by: float | None = first_by

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        now = asyncio.get_running_loop().time()
        until = now + self._idle_s if self._first_by is None else self._first_by
        try:
            async with asyncio.timeout_at(until):
                data = await self.response.content.readany()
        except TimeoutError:
            what = "the first byte" if self._first_by is not None else "the next piece"
            raise ModelFailure(Failure.TIMEOUT, f"{what} of the answer did not come") from None
        self._first_by = None
        return data

    async def read_all(self, at_most: int) -> bytearray:
        """Return the body, cut at a size."""
        body = bytearray()
        while len(body) < at_most and (data := await self.read()):
            body += data
        del body[at_most:]
        return body


async def _chunks(body: _Body) -> AsyncGenerator[dict[str, Any]]:
    """Yield the pieces of an answer: many of a stream, one of a plain body."""
    response = body.response
    if response.status != _OK:
        text = await body.read_all(_ERROR_BYTES)
        raise refusal(response.status, text.decode(errors="replace"), response.headers)
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise ModelFailure(Failure.UNUSABLE, f"the answer is compressed, {encoding}, unasked")
    if response.content_type == "text/event-stream":
        async with aclosing(events(body.read)) as found:
            async for event in found:
                yield event
    elif response.content_type == "application/json":
        data = await body.read_all(PIECE_AT_MOST + 1)
        if len(data) > PIECE_AT_MOST:
            raise ModelFailure(Failure.UNUSABLE, "the answer is larger than 8 MiB")
        yield _whole(data)
    else:
        text = f"the server answered {response.content_type}, which no model does"
        raise ModelFailure(Failure.UNUSABLE, text)


def _whole(data: bytes | bytearray) -> dict[str, Any]:
    try:
        body: Any = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ModelFailure(Failure.UNUSABLE, f"the answer is no JSON: {error}") from None
    return _mapping(body)


class _Answer:
    """An answer as it comes in."""

    def __init__(self, call: ModelCall) -> None:
        self._heard = call.heard
        self._parts: list[str] = []
        self._finish = "stop"
        self._choices = 0
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """What was heard so far."""
        return "".join(self._parts)

    def take(self, chunk: dict[str, Any]) -> None:
        """Add one piece, or fail where it says that there is no answer."""
        if chunk.get("error"):
            raise _told_failure(chunk["error"])
        self._usage = _mapping(chunk.get("usage")) or self._usage
        self._timings = _mapping(chunk.get("timings")) or self._timings
        for choice in _choices(chunk.get("choices")):
            self._choices += 1
            said = _said(choice)
            if said.get("refusal"):
                raise ModelFailure(Failure.CONTENT_FILTER, str(said["refusal"]))
            if text := said.get("content"):
                self._parts.append(str(text))
                if self._heard is not None:
                    self._heard(str(text))
            finish = str(choice.get("finish_reason") or "").lower()
            if finish in DECLINED:
                raise ModelFailure(Failure.CONTENT_FILTER, f"the model stopped for {finish}")
            self._finish = "length" if finish in ("length", "max_tokens") else self._finish

    def reply(self, served: str) -> Reply:
        """Return the whole answer."""
        if not self._choices:
            raise ModelFailure(Failure.UNUSABLE, "the answer holds no choices")
        return Reply(self.text, served, self._finish, _usage(self._usage, self._timings))


def _mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else a server may send in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _choices(value: Any) -> list[dict[str, Any]]:
    """Return a piece's choices; where they have another shape, words would be lost unseen."""
    choices = cast("list[Any]", value if isinstance(value, list) else [value])
    if value is None:
        return []
    for choice in choices:
        if not isinstance(choice, dict) or not isinstance(_said(choice), dict):
            raise ModelFailure(Failure.UNUSABLE, "a piece of the answer has another shape")
    return choices


def _said(choice: Any) -> Any:
    return choice.get("delta") or choice.get("message") or {}


def _told_failure(error: Any) -> ModelFailure:
    """Return the failure that a server tells of inside an answer with status 200."""
    inside = _mapping(error) or {"message": error}
    code = inside.get("code")
    text = f"{inside.get('message')} {inside.get('type', '')} {code or ''}".strip()
    if isinstance(code, int):
        return ModelFailure(failure_of(code, text), text)
    kind = failure_of(_BAD_REQUEST, text)
    # It began to answer, so it was not the request.
    return ModelFailure(Failure.OVERLOADED if kind is Failure.BAD_REQUEST else kind, text)


def _usage(usage: dict[str, Any], timings: dict[str, Any]) -> Usage:
    details = _mapping(usage.get("prompt_tokens_details"))
    told = (details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"))
    cached = next((count for count in told if count is not None), timings.get("cache_n"))
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(cached),
        _count(usage.get("completion_tokens")),
        _count(details.get("cache_write_tokens")),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
