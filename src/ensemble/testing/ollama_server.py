"""A server on loopback in the shapes that Ollama documents for `/api/tags` and `/api/chat`.

It proves a client's side of the conversation and nothing about Ollama itself. What it answers
is a function's answer, so a real model can stand behind it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

Speak = Callable[[dict[str, Any]], Awaitable[str]]
"""Says what the model answers to a request's body."""


@dataclass
class OllamaServer:
    """A running server, what it serves and what it was asked."""

    host: str
    """For `OLLAMA_HOST`."""
    speak: Speak
    tags: Sequence[str]
    read_share: float = 1.0
    """The share of a prompt that it reads, cutting the rest without a word."""
    digest: str = "d1"
    """That of every tag: the version of its model."""
    stall_after: int | None = None
    """Stop sending after so many pieces, for ever."""
    raw: bytes | None = None
    """Sent in place of every answer."""
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The bodies of `/api/chat`, in order."""
    listed: int = 0
    """How often its models were listed."""


@asynccontextmanager
async def ollama_server(
    speak: Speak, *, tags: Sequence[str] = ("llama3.3:70b",), read_share: float = 1.0
) -> AsyncGenerator[OllamaServer]:
    """Run a server on a free port of loopback that has pulled `tags`."""
    from aiohttp import web

    server = OllamaServer("", speak, tags, read_share)

    async def listing(_: web.Request) -> web.Response:
        server.listed += 1
        told = {"digest": server.digest}
        models = [{"name": tag, "model": tag, **told} for tag in server.tags]
        return web.json_response({"models": models})

    async def chat(request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await request.json()
        server.requests.append(body)
        if body["model"] not in server.tags:
            error = f"model '{body['model']}' not found"
            return web.json_response({"error": error}, status=404)
        return await _stream(server, request, body)

    app = web.Application()
    app.router.add_get("/api/tags", listing)
    app.router.add_post("/api/chat", chat)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.host = f"{host}:{port}"
        yield server
    finally:
        await runner.cleanup()


async def _stream(
    server: OllamaServer, request: "Request", body: dict[str, Any]
) -> "StreamResponse":
    from aiohttp import web

    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    if server.raw is not None:
        await response.write(server.raw)
        return response
    words = (await server.speak(body)).split(" ")
    pieces = [word if place == 0 else f" {word}" for place, word in enumerate(words)]
    at_most = int(body["options"]["num_predict"])
    for place, piece in enumerate(pieces[:at_most]):
        if place == server.stall_after:
            await asyncio.Event().wait()
        await response.write(_line(body, piece, {"done": False}))
    sent = sum(len(str(message["content"]).encode()) for message in body["messages"])
    counts: dict[str, Any] = {
        "done": True,
        "done_reason": "length" if len(pieces) > at_most else "stop",
        "prompt_eval_count": round(sent / 4.2 * server.read_share) + 8,
        "eval_count": min(len(pieces), at_most),
    }
    await response.write(_line(body, "", counts))
    return response


def _line(body: dict[str, Any], text: str, told: dict[str, Any]) -> bytes:
    head = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z"}
    message = {"role": "assistant", "content": text}
    return json.dumps({**head, "message": message, **told}).encode() + b"\n"
