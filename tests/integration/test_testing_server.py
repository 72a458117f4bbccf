"""The fault server in the shapes of three vendors, asked over real sockets."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ensemble.testing import FaultServer, fault_server
from ensemble.testing.faults import Breaks, Delays, Fault, Malforms, Miscounts, Refuses, Says
from ensemble.testing.wire import OpenAI, padded

ROUTES = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
MESSAGES = [{"role": "user", "content": "Is the split sound? " * 21}]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with fault_server(models={"llama3.3:70b": [Says()]}) as running:
        yield running


async def exchange(
    session: aiohttp.ClientSession, server: FaultServer, route: str, **more: Any
) -> tuple[int, str]:
    body = {"model": "m", "messages": MESSAGES, "stream": False, **more}
    async with session.post(server.url + ROUTES[route], json=body) as came:
        return came.status, await came.text()


def said(route: str, stream: str) -> str:
    """The text of a stream, read as its vendor documents it."""
    parts: list[str] = []
    for line in stream.splitlines():
        if not line.startswith(("data: {", "{")):
            continue
        event = json.loads(line.removeprefix("data: "))
        if route == "openai":
            parts += [choice["delta"].get("content", "") for choice in event["choices"]]
        elif route == "anthropic":
            parts.append(event.get("delta", {}).get("text", ""))
        else:
            parts.append(event["message"]["content"])
    return "".join(parts)


@pytest.mark.parametrize("route", ROUTES)
async def test_an_answer_is_streamed_in_each_shape(
    route: str, session: aiohttp.ClientSession, server: FaultServer
) -> None:
    status, text = await exchange(session, server, route, stream=True)

    assert status == 200
    assert said(route, text) == "It is sound."


async def test_a_whole_answer_counts_what_was_read(
    session: aiohttp.ClientSession, server: FaultServer
) -> None:
    server.plan("m", Says("Yes.", cached_tokens=64))

    told = {route: json.loads((await exchange(session, server, route))[1]) for route in ROUTES}

    openai, anthropic, ollama = told.values()
    assert openai["choices"][0]["message"]["content"] == "Yes."
    assert openai["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}
    assert anthropic["content"] == [{"type": "text", "text": "Yes."}]
    assert anthropic["usage"]["cache_read_input_tokens"] == 64
    assert ollama["message"]["content"] == "Yes."
    read = openai["usage"]["prompt_tokens"]
    assert ollama["prompt_eval_count"] == read == anthropic["usage"]["input_tokens"] + 64 > 100


async def test_a_forced_tool_is_called_with_the_answer(
    session: aiohttp.ClientSession, server: FaultServer
) -> None:
    server.plan("m", Says('{"result": "sound"}'))
    forced = {"tool_choice": {"type": "tool", "name": "answer"}}

    _, text = await exchange(session, server, "anthropic", **forced)

    [block] = json.loads(text)["content"]
    assert (block["name"], block["input"]) == ("answer", {"result": "sound"})


@pytest.mark.parametrize("route", ROUTES)
async def test_a_refusal_stands_in_the_vendors_envelope(
    route: str, session: aiohttp.ClientSession, server: FaultServer
) -> None:
    server.plan("m", Refuses(529, "too many", {"Retry-After": "7"}))

    status, text = await exchange(session, server, route)

    error = json.loads(text)["error"]
    assert status == 529
    assert (error if route == "ollama" else error["message"]) == "too many"


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (Malforms(0), "data: {nope}"),
        (Breaks(1, "engine died"), "engine died"),
        (Delays(0.01, Says("Late.")), "Late."),
        (Miscounts(0.5), '"prompt_tokens": 60'),
    ],
)
async def test_a_fault_is_seen_on_the_wire(
    fault: Fault, seen: str, session: aiohttp.ClientSession, server: FaultServer
) -> None:
    server.plan("m", fault)

    options = {"include_usage": True}
    _, text = await exchange(session, server, "openai", stream=True, stream_options=options)

    assert seen in text


async def test_faults_come_in_order_and_by_model(
    session: aiohttp.ClientSession, server: FaultServer
) -> None:
    server.plan("m", Refuses(500), Refuses(429), Says())

    statuses = [(await exchange(session, server, "openai"))[0] for _ in range(4)]
    other, _ = await exchange(session, server, "openai", model="another")

    assert (statuses, other) == ([500, 429, 200, 200], 200)
    assert server.times_asked == {"m": 4, "another": 1}


async def test_ollamas_listings_name_the_scripted_models(
    session: aiohttp.ClientSession, server: FaultServer
) -> None:
    async with session.get(f"{server.url}/api/tags") as came:
        tags = await came.json()
    async with session.post(f"{server.url}/api/show", json={"model": "llama3.3:70b"}) as came:
        shown = await came.json()
    async with session.post(f"{server.url}/api/show", json={"model": "gone"}) as came:
        missing = came.status

    assert [model["name"] for model in tags["models"]] == ["llama3.3:70b"]
    assert shown["model_info"]["llama.context_length"] == 131072
    assert missing == 404


@pytest.mark.parametrize("size", [1500, 2048, 2049])
def test_a_padded_stream_has_exactly_the_size_wished_for(size: int) -> None:
    stream, text = padded(OpenAI(), {"model": "m"}, size)

    assert len(stream) == size
    assert said("openai", stream.decode()) == text
