"""A server on loopback that speaks the OpenAI chat route and fails as it is told.

For tests of chains and panels against real sockets: `model_server` runs it, and each act says
what it does with one request. An act is a function from a request to a response, so a test can
bring its own.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

Act = Callable[["Request"], Awaitable["StreamResponse"]]
"""What the server does with one request."""

_EVENT_STREAM: Final = "text/event-stream"


@dataclass
class ModelServer:
    """A running server and what it was asked."""

    base_url: str
    acts: list[Act]
    """One per request, in order; the last one answers all further requests."""
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The bodies that came, in order."""
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    """The headers that came with them."""
    in_flight: int = 0
    """Requests being answered now."""


@asynccontextmanager
async def model_server(*acts: Act) -> AsyncGenerator[ModelServer]:
    """Run a server on a free port of loopback that answers by `acts`."""
    from aiohttp import web

    server = ModelServer("", list(acts) or [says("Yes.")])

    async def complete(request: web.Request) -> web.StreamResponse:
        server.headers.append(dict(request.headers))
        server.requests.append(await request.json())
        act = server.acts.pop(0) if len(server.acts) > 1 else server.acts[0]
        server.in_flight += 1
        try:
            return await act(request)
        finally:
            server.in_flight -= 1

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.base_url = f"http://{host}:{port}/v1"
        yield server
    finally:
        await runner.cleanup()


def says(
    text: str | Sequence[str],
    *,
    finish: str = "stop",
    after_s: float = 0.0,
    prompt_tokens: int = 10,
    cached_tokens: int | None = None,
) -> Act:
    """Answer with `text`, streamed in the pieces given or word by word."""

    async def act(request: "Request") -> "StreamResponse":
        await asyncio.sleep(after_s)
        stream = stream_bytes(
            text, finish=finish, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens
        )
        if (await request.json()).get("stream"):
            return await _send(request, [stream])
        return _whole(text, finish, prompt_tokens)

    return act


def fails(
    status: int,
    message: str = "scripted fault",
    *,
    headers: Mapping[str, str] | None = None,
    code: str | None = None,
) -> Act:
    """Answer with an error status in the envelope that OpenAI uses."""

    async def act(_: "Request") -> "StreamResponse":
        from aiohttp import web

        error = {"message": message, "type": "scripted", "code": code}
        return web.json_response({"error": error}, status=status, headers=headers)

    return act


def hangs(after_pieces: int = 0, text: str | Sequence[str] = "so far and no further") -> Act:
    """Send some pieces of an answer, none of them by default, and then nothing for ever."""

    async def act(request: "Request") -> "StreamResponse":
        events = stream_bytes(text).split(b"\n\n")
        if after_pieces:
            sent = b"".join(event + b"\n\n" for event in events[:after_pieces])
            await _send(request, [sent], end=False)
        await asyncio.Event().wait()
        raise AssertionError  # only a cancel ends the wait

    return act


def cuts(at_byte: int, stream: bytes) -> Act:
    """Send the first bytes of a stream and close the connection."""

    async def act(request: "Request") -> "StreamResponse":
        response = await _send(request, [stream[:at_byte]], end=False)
        if request.transport is not None:
            request.transport.close()
        return response

    return act


def sends(
    data: bytes,
    *,
    content_type: str = _EVENT_STREAM,
    headers: Mapping[str, str] | None = None,
    times: int = 1,
) -> Act:
    """Send exactly these bytes, over and over if told so, with status 200."""

    async def act(request: "Request") -> "StreamResponse":
        return await _send(
            request, (data for _ in range(times)), content_type=content_type, headers=headers
        )

    return act


def stream_bytes(
    text: str | Sequence[str],
    *,
    finish: str = "stop",
    prompt_tokens: int = 10,
    cached_tokens: int | None = None,
) -> bytes:
    """Return the event stream of an answer, `[DONE]` included."""
    pieces = text.split(" ") if isinstance(text, str) else list(text)
    if isinstance(text, str):
        pieces = [piece if place == 0 else f" {piece}" for place, piece in enumerate(pieces)]
    usage: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": len(pieces),
        "total_tokens": prompt_tokens + len(pieces),
    }
    if cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached_tokens}
    chunks = [_chunk([{"index": 0, "delta": {"content": piece}}]) for piece in pieces]
    chunks.append(_chunk([{"index": 0, "delta": {}, "finish_reason": finish}]))
    chunks.append({**_chunk([]), "usage": usage})
    lines = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    return {**head, "choices": choices}


def _whole(text: str | Sequence[str], finish: str, prompt_tokens: int) -> "StreamResponse":
    from aiohttp import web

    content = text if isinstance(text, str) else "".join(text)
    message = {"role": "assistant", "content": content}
    said = len(content.split())
    return web.json_response(
        {
            "id": "c-1",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": said,
                "total_tokens": prompt_tokens + said,
            },
        }
    )


async def _send(
    request: "Request",
    parts: Iterable[bytes],
    *,
    content_type: str = _EVENT_STREAM,
    headers: Mapping[str, str] | None = None,
    end: bool = True,
) -> "StreamResponse":
    from aiohttp import web

    response = web.StreamResponse(headers={"Content-Type": content_type, **(headers or {})})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    if end:
        await response.write_eof()
    return response
