"""A chain against real sockets that fail in every way a server can."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, ask, requested
from ensemble.models.openai_chat import cache_hints, openai_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure, Reply, Usage
from ensemble.models.wire import Endpoint, close_session
from ensemble.testing import scripted
from ensemble.testing.model_server import (
    Act,
    cuts,
    fails,
    hangs,
    model_server,
    says,
    sends,
    stream_bytes,
)

CALL = ModelCall("panel[0]/x#0/model#0", (SystemMessage("You review."), HumanMessage("Sound?")))
QUICK = Policy(backoff_s=0.001)
BOMB = gzip.compress(b"0" * 10**6)
SIXTY = [f"word{place} " for place in range(60)]


@pytest.fixture(autouse=True)
async def session_closed() -> AsyncIterator[None]:
    yield
    await close_session()


def a_candidate(provider: str = "server", **given: Any) -> Candidate:
    fields: dict[str, Any] = {"asked": "x", "model": "m", "available": True, "reason": ""}
    fields |= {"provider": provider, **given}
    return Candidate(**fields)


async def one_call(
    *acts: Act, call: ModelCall = CALL, first_byte_s: float = 20, idle_s: float = 20
) -> Reply:
    async with model_server(*acts) as server:
        where = Endpoint("server", server.base_url, first_byte_s=first_byte_s, idle_s=idle_s)
        return await openai_chat(where)(a_candidate(form=Form.SCHEMA), call)


async def failure(*acts: Act) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await one_call(*acts)
    return caught.value


async def walk(*acts: Act, journal: Journal | None = None, idle_s: float = 20) -> Answered:
    """Ask the server first and, where it fails, a second model that answers."""
    async with model_server(*acts) as server:
        providers = {
            "server": openai_chat(Endpoint("server", server.base_url, idle_s=idle_s)),
            "second": scripted("From the second."),
        }
        return await ask(
            [a_candidate("server"), a_candidate("second")],
            CALL,
            recorder=journal or Journal("r"),
            providers=providers,
            policy=QUICK,
        )


async def test_an_answer_is_streamed_heard_and_counted() -> None:
    heard: list[str] = []
    call = ModelCall("k", CALL.messages, heard=heard.append)

    reply = await one_call(says("It is sound.", prompt_tokens=90, cached_tokens=64), call=call)

    assert reply == Reply("It is sound.", "server/m", usage=Usage(90, 64, 3))
    assert heard == ["It", " is", " sound."]


async def test_the_request_is_what_the_route_documents() -> None:
    call = ModelCall("k", CALL.messages, schema={"type": "object"})

    async with model_server(says("{}")) as server:
        await openai_chat(Endpoint("server", server.base_url))(a_candidate(form=Form.SCHEMA), call)

    schema = {"name": "answer", "schema": {"type": "object"}}
    assert server.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "You review."},
                {"role": "user", "content": "Sound?"},
            ],
            "temperature": 0.0,
            "max_tokens": 1500,
            "seed": 7,
            "stream": True,
            "stream_options": {"include_usage": True},
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
    ]
    assert "Authorization" not in server.headers[0]


async def test_a_server_that_does_not_stream_is_understood() -> None:
    message = {"choices": [{"message": {"content": "Sound."}, "finish_reason": "length"}]}
    data = json.dumps(message).encode()

    reply = await one_call(sends(data, content_type="application/json"))

    assert (reply.text, reply.finish) == ("Sound.", "length")


async def test_one_session_serves_many_calls_at_once() -> None:
    async with model_server(says("Yes.", after_s=0.01)) as server:
        provider = openai_chat(Endpoint("server", server.base_url))

        replies = await asyncio.gather(*(provider(a_candidate(), CALL) for _ in range(100)))

    assert {reply.text for reply in replies} == {"Yes."}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_a_server_that_recovers_is_asked_again(status: int, times: int) -> None:
    answered = await walk(*[fails(status)] * times, says("At last."))

    assert (answered.reply.text, len(answered.attempts)) == ("At last.", times)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_a_server_that_does_not_recover_is_left(status: int) -> None:
    answered = await walk(*[fails(status)] * 5, says("Too late."))

    assert (answered.reply.text, len(answered.attempts)) == ("From the second.", 3)


async def test_retry_after_is_recorded_with_the_failure() -> None:
    journal = Journal("r")

    await walk(fails(429, headers={"Retry-After": "0.01"}), says("Yes."), journal=journal)

    failed = next(event for event in journal.events if event.event == "model_failed")
    assert failed.body["class"] == "rate_limit"
    assert failed.body["retry_after_s"] == 0.01


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (fails(400, "temperature is wrong"), Failure.BAD_REQUEST),
        (fails(400, "maximum context length is 8192 tokens"), Failure.CONTEXT),
        (fails(401), Failure.AUTH),
        (fails(403), Failure.AUTH),
        (fails(404), Failure.NOT_FOUND),
        (fails(302, headers={"Location": "http://127.0.0.1:1/"}), Failure.NOT_FOUND),
        (says("", finish="content_filter"), Failure.CONTENT_FILTER),
        (sends(b'data: {"choices":[{"delta":{"refusal":"No."}}]}\n\n'), Failure.CONTENT_FILTER),
        (sends(b'data: {"error":{"message":"flagged","code":400}}\n\n'), Failure.CONTENT_FILTER),
        (sends(b'data: {"error":{"message":"busy","code":429}}\n\n'), Failure.RATE_LIMIT),
        (sends(b'data: {"error":"engine died"}\n\n'), Failure.OVERLOADED),
    ],
)
async def test_each_refusal_has_its_class(act: Act, kind: Failure) -> None:
    assert (await failure(act)).kind is kind


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (sends(b"<html>Bad gateway</html>", content_type="text/html"), Failure.UNUSABLE),
        (sends(b"not a stream\n"), Failure.UNUSABLE),
        (sends(b"data: {nope}\n\n"), Failure.UNUSABLE),
        (sends(b"data: [DONE]\n\n"), Failure.UNUSABLE),
        (sends(b'data: {"choices":"x"}\n\ndata: [DONE]\n\n'), Failure.UNUSABLE),
        (sends(b"{}", content_type="application/json"), Failure.UNUSABLE),
        (sends(b"[]", content_type="application/json"), Failure.UNUSABLE),
        (sends(b'{"choices":[{', content_type="application/json"), Failure.UNUSABLE),
        (sends(b"", content_type="application/json"), Failure.UNUSABLE),
        (sends(b""), Failure.TRANSPORT),
        (
            sends(gzip.compress(b"0" * 10**6), headers={"Content-Encoding": "gzip"}),
            Failure.UNUSABLE,
        ),
        (sends(b"x" * 2**20, times=1000), Failure.UNUSABLE),
        (sends(b"x" * 2**20, times=1000, content_type="application/json"), Failure.UNUSABLE),
    ],
)
async def test_a_body_that_is_no_answer_is_refused(act: Act, kind: Failure) -> None:
    assert (await failure(act)).kind is kind


@pytest.mark.parametrize("pieces", [1, 30, 59])
async def test_a_stream_that_stalls_is_left_and_never_an_answer(pieces: int) -> None:
    journal = Journal("r")

    answered = await walk(hangs(pieces, SIXTY), journal=journal, idle_s=0.1)

    failed = [event for event in journal.events if event.event == "model_failed"]
    assert answered.reply.text == "From the second."
    assert {event.body["class"] for event in failed} == {"timeout"}
    assert failed[0].body["partial"] == "".join(SIXTY[:pieces])


async def test_a_server_that_never_begins_is_left_and_its_connection_closed() -> None:
    async with model_server(hangs()) as server:
        provider = openai_chat(Endpoint("server", server.base_url, first_byte_s=0.1))

        with pytest.raises(ModelFailure) as caught:
            await provider(a_candidate(), CALL)
        async with asyncio.timeout(5):
            while server.in_flight:  # noqa: ASYNC110 - the other side notices in its own time
                await asyncio.sleep(0.01)

    assert caught.value.kind is Failure.TIMEOUT


async def test_a_slow_beginning_is_not_taken_for_a_stall() -> None:
    reply = await one_call(says("Yes.", after_s=0.3), idle_s=0.1, first_byte_s=5)

    assert reply.text == "Yes."


async def test_a_connection_cut_at_any_byte_is_no_answer() -> None:
    stream = stream_bytes("Höchst zweifelhaft, aus guten Gründen.")
    places = range(0, stream.index(b"[DONE]") + 5, 13)

    async with model_server(*(cuts(at, stream) for at in places)) as server:
        provider = openai_chat(Endpoint("server", server.base_url))
        for _ in places:
            with pytest.raises(ModelFailure) as caught:
                await provider(a_candidate(), CALL)
            assert caught.value.kind is Failure.TRANSPORT

    assert len(server.requests) == len(places) > 50


async def test_a_refused_connection_goes_on_to_the_next_model() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    providers = {
        "server": openai_chat(Endpoint("server", f"http://127.0.0.1:{port}/v1")),
        "second": scripted("Yes."),
    }

    answered = await ask(
        [a_candidate("server"), a_candidate("second")],
        CALL,
        recorder=Journal("r"),
        providers=providers,
        policy=QUICK,
    )

    assert answered.candidate.provider == "second"
    assert {attempt.failure for attempt in answered.attempts} == {Failure.TRANSPORT}


async def test_a_name_that_does_not_resolve_is_a_failure_of_transport() -> None:
    provider = openai_chat(Endpoint("server", "http://no-such-host.invalid/v1"))

    with pytest.raises(ModelFailure) as caught:
        await provider(a_candidate(), CALL)

    assert caught.value.kind is Failure.TRANSPORT


async def test_a_server_without_tls_is_a_failure_of_transport() -> None:
    async with model_server(says("Yes.")) as server:
        secured = server.base_url.replace("http:", "https:")

        with pytest.raises(ModelFailure) as caught:
            await openai_chat(Endpoint("server", secured))(a_candidate(), CALL)

    assert caught.value.kind is Failure.TRANSPORT


async def test_an_address_that_is_none_is_a_failure_and_no_crash() -> None:
    with pytest.raises(ModelFailure) as caught:
        await openai_chat(Endpoint("server", "not an address"))(a_candidate(), CALL)

    assert caught.value.kind is Failure.TRANSPORT


async def test_a_cancelled_call_closes_its_connection() -> None:
    async with model_server(hangs(1)) as server:
        provider = openai_chat(Endpoint("server", server.base_url))

        async def call() -> Reply:
            return await provider(a_candidate(), CALL)

        calling = asyncio.create_task(call())
        async with asyncio.timeout(5):
            while not server.in_flight:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            calling.cancel()
            while server.in_flight:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    assert calling.cancelled()


async def test_a_failed_walk_replays_without_a_server() -> None:
    live = Journal("r")
    first = await walk(fails(429), fails(500), hangs(2), journal=live, idle_s=0.05)
    replay = Journal("r", recorded=live.events, replaying=True)

    again = await walk(fails(500), journal=replay)

    assert again == first
    assert again.reply.text == "From the second."


@pytest.mark.parametrize(
    ("endpoint", "hints"),
    [
        (Endpoint("openai", "https://api.openai.com/v1"), {"prompt_cache_key"}),
        (Endpoint("mistral", "https://api.mistral.ai/v1"), {"prompt_cache_key"}),
        (Endpoint("embedded", "http://127.0.0.1:1/v1", llama_cpp=True), {"cache_prompt"}),
        (Endpoint("groq", "https://api.groq.com/openai/v1"), set[str]()),
        (Endpoint("mine", "http://127.0.0.1:1/v1"), set[str]()),
    ],
)
def test_only_who_documents_a_cache_hint_is_sent_it(endpoint: Endpoint, hints: set[str]) -> None:
    call = ModelCall("k", CALL.messages, shared=1)

    assert set(cache_hints(endpoint, call)) == hints
    assert requested(a_candidate(), call) == requested(a_candidate(), CALL)


def ended_for(reason: str | None) -> Act:
    piece = {"choices": [{"delta": {"content": "half an ans"}, "finish_reason": reason}]}
    return sends(f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n".encode())


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource", None])
async def test_an_answer_that_says_it_broke_off_is_none(reason: str | None) -> None:
    failed = await failure(ended_for(reason))

    assert failed.kind is Failure.TRANSPORT
    assert failed.usage == Usage()


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", "stop"), ("eos", "stop"), ("tool_calls", "stop"), ("model_length", "length")],
)
async def test_an_answer_ends_for_the_reasons_that_servers_have(reason: str, finish: str) -> None:
    assert (await one_call(ended_for(reason))).finish == finish
