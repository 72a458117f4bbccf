"""The Anthropic provider against a small server of the documented shapes, not Anthropic's own."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from aiohttp import web
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.models.anthropic_chat import anthropic_chat, held_schema
from ensemble.models.chain import requested
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Params,
    Reply,
    Usage,
)
from ensemble.models.providers import providers_for
from ensemble.models.wire import Endpoint, close_session

SCHEMA: Final = {
    "type": "object",
    "properties": {
        "result": {"type": "string", "maxLength": 80, "description": "What you found."},
        "maxItems": {"type": "array", "items": {"type": "object"}, "maxItems": 3},
        "kind": {"oneOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["result"],
}
CALL: Final = ModelCall(
    "k",
    (SystemMessage("Be fair."), HumanMessage("The plan."), AIMessage("{}"), HumanMessage("Again.")),
    SCHEMA,
)
OPUS: Final = Candidate("opus", "anthropic", "claude-opus-5-5", available=True, reason="")
USAGE: Final = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 70,
    "output_tokens": 1,
}


def an_event(kind: str, **told: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **told})}\n\n".encode()


def a_stream(*pieces: str, stop: str = "end_turn", as_tool: bool = False) -> bytes:
    name = "partial_json" if as_tool else "text"
    kind = "input_json_delta" if as_tool else "text_delta"
    block: dict[str, Any] = {"type": "tool_use", "input": {}} if as_tool else {"type": "text"}
    return b"".join(
        [
            an_event("message_start", message={"model": "m", "usage": USAGE}),
            an_event("ping"),
            an_event(
                "content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm"}
            ),
            an_event("content_block_start", index=1, content_block=block),
            *(
                an_event("content_block_delta", index=1, delta={"type": kind, name: p})
                for p in pieces
            ),
            an_event("content_block_stop", index=1),
            an_event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 9}),
            an_event("message_stop"),
        ]
    )


A_CALL: dict[str, Any] = {"type": "tool_use", "name": "answer", "input": {"a": "x"}}
TWO_CALLS = b"".join(an_event("content_block_start", index=n, content_block=A_CALL) for n in (0, 1))
TWO_CALLS_WHOLE = json.dumps({"content": [A_CALL, A_CALL], "stop_reason": "tool_use"}).encode()


@dataclass
class MessagesServer:
    """A running server: what it sends, and what it was asked."""

    url: str = ""
    status: int = 200
    sends: bytes = a_stream("It is ", "sound.")
    content_type: str = "text/event-stream"
    then_hangs: bool = False
    waits_for: asyncio.Event | None = None
    """What has to happen before it begins to answer."""
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@asynccontextmanager
async def messages_server() -> AsyncGenerator[MessagesServer]:
    server = MessagesServer()

    async def messages(request: web.Request) -> web.StreamResponse:
        server.requests.append(await request.json())
        server.headers.append({name.lower(): value for name, value in request.headers.items()})
        if server.waits_for is not None:
            await server.waits_for.wait()
        response = web.StreamResponse(
            status=server.status, headers={"Content-Type": server.content_type, "Retry-After": "2"}
        )
        await response.prepare(request)
        await response.write(server.sends)
        if server.then_hangs:
            await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_post("/v1/messages", messages)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    yield server
    await close_session()
    await runner.cleanup()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MessagesServer]:
    monkeypatch.setenv("A_KEY", "a secret of no worth")
    async with messages_server() as running:
        yield running


async def asked(server: MessagesServer, call: ModelCall = CALL, **given: Any) -> Reply:
    fields: dict[str, Any] = {"model": "claude-opus-5-5", "form": Form.SCHEMA, **given}
    candidate = Candidate("opus", "anthropic", fields.pop("model"), True, "", **fields)
    endpoint = Endpoint("anthropic", server.url, "A_KEY", first_byte_s=5.0, idle_s=0.2)
    return await anthropic_chat(endpoint)(candidate, call)


async def failure(server: MessagesServer) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await asked(server)
    return caught.value


async def test_an_answer_is_heard_and_counted_with_what_the_cache_held(
    server: MessagesServer,
) -> None:
    heard: list[str] = []

    reply = await asked(server, replace(CALL, heard=heard.append))

    assert reply.text == "It is sound." == "".join(heard)
    assert (reply.served, reply.finish) == ("anthropic/claude-opus-5-5", "stop")
    assert reply.usage == Usage(100, cached_tokens=70, output_tokens=9, written_tokens=20)


async def test_the_system_message_the_key_and_the_version_are_sent_as_documented(
    server: MessagesServer,
) -> None:
    await asked(server)

    body, headers = server.requests[0], server.headers[0]
    assert (body["system"], body["max_tokens"]) == ("Be fair.", 1500)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert headers["x-api-key"] == "a secret of no worth"
    assert headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in headers


async def test_what_all_seats_share_is_marked_for_the_prompt_cache(
    server: MessagesServer,
) -> None:
    messages = (SystemMessage("Be fair."), HumanMessage("The plan."), HumanMessage("You are Ann."))
    call = ModelCall("k", messages, shared=2)

    await asked(server, call)
    await asked(server, replace(call, shared=0))

    hint = {"cache_control": {"type": "ephemeral"}}
    hinted, plain_ones = (request["messages"] for request in server.requests)
    assert hinted == [
        {"role": "user", "content": [{"type": "text", "text": "The plan.", **hint}]},
        {"role": "user", "content": "You are Ann."},
    ]
    assert [message["content"] for message in plain_ones] == ["The plan.", "You are Ann."]
    assert requested(OPUS, call) == requested(OPUS, replace(call, shared=0))


async def test_seats_side_by_side_let_the_first_write_the_prompt_cache(
    server: MessagesServer,
) -> None:
    server.waits_for = asyncio.Event()
    task = HumanMessage("The plan. " * 500)
    seats = [ModelCall("k", (task, HumanMessage(name)), shared=1) for name in ("Ann", "Bob")]

    asking = [asyncio.create_task(asked(server, call)) for call in seats]
    await asyncio.sleep(0.1)
    before = len(server.requests)
    server.waits_for.set()
    await asyncio.gather(*asking)

    assert (before, len(server.requests)) == (1, 2)


async def test_a_claude_is_held_to_a_schema_and_given_no_temperature(
    server: MessagesServer,
) -> None:
    await asked(server)

    body = server.requests[0]
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": held_schema(SCHEMA)},
    }
    assert not {"temperature", "tools", "seed"} & set(body)


async def test_bounds_that_the_api_refuses_are_said_in_words() -> None:
    held = held_schema(SCHEMA)

    assert held["properties"]["result"] == {
        "type": "string",
        "description": "What you found. maxLength: 80",
    }
    assert held["properties"]["maxItems"]["description"] == "maxItems: 3"
    assert held["properties"]["maxItems"]["items"]["additionalProperties"] is False
    assert held["properties"]["kind"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert held["additionalProperties"] is False


async def test_a_model_that_calls_tools_answers_through_one(server: MessagesServer) -> None:
    talk = an_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Well."})
    server.sends = talk + a_stream('{"result": ', '"sound"}', stop="tool_use", as_tool=True)

    reply = await asked(server, model="qwen3-8b", form=Form.TOOL_CALL)

    body = server.requests[0]
    assert json.loads(reply.text) == {"result": "sound"}
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"]["name"] == "answer"
    assert body["temperature"] == 0.0


async def test_without_a_schema_none_is_asked_for(server: MessagesServer) -> None:
    await asked(server, model="qwen3-8b", form=Form.TEXT)

    assert not {"tools", "output_config"} & set(server.requests[0])


@pytest.mark.parametrize("stop", ["max_tokens", "model_context_window_exceeded"])
async def test_an_answer_at_its_limit_is_marked_as_cut(stop: str, server: MessagesServer) -> None:
    server.sends = a_stream("It is", stop=stop)

    assert (await asked(server)).finish == "length"


async def test_a_server_that_does_not_stream_is_read_too(server: MessagesServer) -> None:
    content = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Sound."}]
    told = {"type": "message", "content": content, "stop_reason": "end_turn", "usage": USAGE}
    server.content_type, server.sends = "application/json", json.dumps(told).encode()

    assert (await asked(server)).text == "Sound."


@pytest.mark.parametrize(
    ("status", "kind", "text", "failed"),
    [
        (400, "invalid_request_error", "max_tokens: wrong", Failure.BAD_REQUEST),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", Failure.CONTEXT),
        (400, "invalid_request_error", "Your credit balance is too low", Failure.AUTH),
        (401, "authentication_error", "invalid x-api-key", Failure.AUTH),
        (404, "not_found_error", "model: claude-9", Failure.NOT_FOUND),
        (413, "request_too_large", "too large", Failure.CONTEXT),
        (429, "rate_limit_error", "slow down", Failure.RATE_LIMIT),
        (500, "api_error", "internal", Failure.OVERLOADED),
        (529, "overloaded_error", "Overloaded", Failure.OVERLOADED),
    ],
)
async def test_a_refusal_has_its_class_and_its_wait(
    status: int, kind: str, text: str, failed: Failure, server: MessagesServer
) -> None:
    error = {"type": "error", "error": {"type": kind, "message": text}}
    server.status, server.content_type = status, "application/json"
    server.sends = json.dumps(error).encode()

    caught = await failure(server)

    assert (caught.kind, caught.retry_after_s) == (failed, 2.0)
    assert text in str(caught)
    assert "secret" not in str(caught)


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("overloaded_error", Failure.OVERLOADED),
        ("rate_limit_error", Failure.RATE_LIMIT),
        ("authentication_error", Failure.AUTH),
        ("unheard_of", Failure.OVERLOADED),
    ],
)
async def test_an_error_inside_a_stream_ends_it(
    kind: str, failed: Failure, server: MessagesServer
) -> None:
    head = a_stream("It is ")[: a_stream("It is ").index(b"event: message_delta")]
    server.sends = head + an_event("error", error={"type": kind, "message": "Overloaded"})

    caught = await failure(server)

    assert (caught.kind, caught.partial) == (failed, "It is ")


@pytest.mark.parametrize("cut", range(0, len(a_stream("It is ", "sound.")) - 26, 7))
async def test_a_cut_stream_is_no_answer_wherever_it_is_cut(
    cut: int, server: MessagesServer
) -> None:
    server.sends = a_stream("It is ", "sound.")[:cut]

    caught = await failure(server)

    assert caught.kind in (Failure.TRANSPORT, Failure.UNUSABLE)


@pytest.mark.parametrize(
    ("sends", "content_type", "failed"),
    [
        (b"<html>", "text/html", Failure.UNUSABLE),
        (b"{", "application/json", Failure.UNUSABLE),
        (b"{}", "application/json", Failure.UNUSABLE),
        (b"[1]", "application/json", Failure.UNUSABLE),
        (b"data: 1\n\n", "text/event-stream", Failure.UNUSABLE),
        (b'data: {"type": "message_stop"}\n\n', "text/event-stream", Failure.UNUSABLE),
        (a_stream(stop="refusal"), "text/event-stream", Failure.CONTENT_FILTER),
        (a_stream("half", stop="pause_turn"), "text/event-stream", Failure.TRANSPORT),
        (TWO_CALLS, "text/event-stream", Failure.UNUSABLE),
        (TWO_CALLS_WHOLE, "application/json", Failure.UNUSABLE),
    ],
)
async def test_what_is_no_answer_is_a_failure(
    sends: bytes, content_type: str, failed: Failure, server: MessagesServer
) -> None:
    server.sends, server.content_type = sends, content_type

    assert (await failure(server)).kind is failed


async def test_a_stall_ends_and_what_was_heard_is_kept(server: MessagesServer) -> None:
    whole = a_stream("It is ", "sound.")
    server.sends, server.then_hangs = whole[: whole.index(b"event: message_delta")], True

    caught = await failure(server)

    assert (caught.kind, caught.partial) == (Failure.TIMEOUT, "It is sound.")


async def test_a_server_of_the_settings_may_speak_messages(server: MessagesServer) -> None:
    own = OwnServer(base_url=server.url, api="anthropic", api_key_env="A_KEY")
    table = providers_for(Settings(providers={"mine": own}))
    call = ModelCall("k", (HumanMessage("?"),), params=Params(max_tokens=5))

    reply = await table["mine"](Candidate("mine/m", "mine", "m", True, ""), call)

    assert (reply.text, reply.served) == ("It is sound.", "mine/m")
    assert server.requests[0]["max_tokens"] == 5


@pytest.mark.parametrize("shape", [str, list])
async def test_a_message_in_parts_is_sent_as_one_text(
    shape: Callable[..., Any], server: MessagesServer
) -> None:
    content: Any = "?" if shape is str else [{"type": "text", "text": "?"}]

    await asked(server, ModelCall("k", (HumanMessage(content),)))

    assert server.requests[0]["messages"] == [{"role": "user", "content": "?"}]
