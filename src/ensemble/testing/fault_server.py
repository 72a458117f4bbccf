"""A model server on loopback that speaks three vendors' routes and fails by script.

For tests of chains, panels and providers against real sockets: OpenAI's chat completions,
Anthropic's messages, Ollama's chat, tags and show. What it does with a request is the next
fault of the script of the model that is asked. It proves a client's side of the conversation
and nothing about the vendors themselves.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.fit import counted
from ensemble.testing.faults import Exchange, Fault, Says
from ensemble.testing.wire import Answer, Anthropic, Ollama, OpenAI, Wire

if TYPE_CHECKING:
    from aiohttp import web

EVERY_MODEL: Final = "*"
_LARGEST_REQUEST: Final = 64 * 2**20


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    route: str
    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass
class FaultServer:
    """A running server, what it will do and what it was asked."""

    url: str
    """Without a path; Anthropic's `base_url`, and Ollama's host."""
    script: dict[str, list[Fault]]
    """Faults by model, `*` for every other; in order, the last for all further requests."""
    text: str = "It is sound."
    """What it says where no fault is in the way."""
    asked: list[Asked] = field(default_factory=list[Asked])
    """Every request to a model, in order of arrival."""
    in_flight: int = 0
    """Requests being answered now."""
    most_in_flight: int = 0
    """The most that were being answered at once."""

    @property
    def openai_url(self) -> str:
        """The `base_url` of an OpenAI-compatible client."""
        return f"{self.url}/v1"

    @property
    def times_asked(self) -> Mapping[str, int]:
        """Requests by model."""
        counts: dict[str, int] = defaultdict(int)
        for asked in self.asked:
            counts[asked.model] += 1
        return counts

    def plan(self, model: str, *faults: Fault) -> None:
        """Give a model a script, in place of what it had."""
        self.script[model] = list(faults) or [Says()]

    def next_fault(self, model: str) -> Fault:
        """Return what to do with the next request to a model."""
        faults = self.script.get(model) or self.script.get(EVERY_MODEL) or [Says()]
        return faults.pop(0) if len(faults) > 1 else faults[0]


@asynccontextmanager
async def fault_server(
    *faults: Fault, models: Mapping[str, Sequence[Fault]] | None = None
) -> AsyncGenerator[FaultServer]:
    """Run a server on a free port of loopback.

    Args:
        faults: what it does with requests, in order; the last one with all further ones.
            None: it answers.
        models: faults of single models, by the model's id; Ollama's tags are these.
    """
    from aiohttp import web

    script = {model: list(own) for model, own in (models or {}).items()}
    server = FaultServer("", {EVERY_MODEL: list(faults) or [Says()], **script})
    # A request's compressed body is never asked for, and a client that left is not waited for.
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    app.router.add_post("/v1/chat/completions", _answering(server, OpenAI()))
    app.router.add_post("/v1/messages", _answering(server, Anthropic()))
    app.router.add_post("/api/chat", _answering(server, Ollama()))
    app.router.add_get("/v1/models", _listing(server))
    app.router.add_get("/api/tags", _tags(server))
    app.router.add_post("/api/show", _show(server))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()


_Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]


def _answering(server: FaultServer, wire: Wire) -> _Handler:
    async def answer(request: "web.Request") -> "web.StreamResponse":
        body: dict[str, Any] = await request.json()
        model = str(body.get("model"))
        server.asked.append(Asked(request.path, model, body, dict(request.headers)))
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        answer = Answer(server.text, input_tokens=_tokens(body))
        try:
            return await server.next_fault(model).act(Exchange(request, wire, body, answer))
        finally:
            server.in_flight -= 1

    return answer


def _listing(server: FaultServer) -> _Handler:
    async def listing(_: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        models = [{"id": model, "object": "model"} for model in _named(server)]
        return web.json_response({"object": "list", "data": models})

    return listing


def _tags(server: FaultServer) -> _Handler:
    async def tags(_: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        models = [{"name": model, "model": model} for model in _named(server)]
        return web.json_response({"models": models})

    return tags


def _show(server: FaultServer) -> _Handler:
    async def show(request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        asked: dict[str, Any] = await request.json()
        model = asked.get("model") or asked.get("name")
        if model not in _named(server):
            return web.json_response({"error": f"model '{model}' not found"}, status=404)
        details = {"family": "llama", "parameter_size": "70.6B", "quantization_level": "Q4_K_M"}
        about = {"general.architecture": "llama", "llama.context_length": 131072}
        capabilities = ["completion", "tools"]
        return web.json_response(
            {"details": details, "model_info": about, "capabilities": capabilities}
        )

    return show


def _named(server: FaultServer) -> list[str]:
    return [model for model in server.script if model != EVERY_MODEL]


def _tokens(body: Mapping[str, Any]) -> int:
    """Return about how many tokens a request's prompt has."""
    messages: list[Mapping[str, Any]] = list(body.get("messages") or [])
    return counted([{"content": body.get("system") or ""}, *messages])
