"""litellm itself, against a server on loopback in place of the hosted ones."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from httpx import AsyncClient
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.models.litellm_chat import close_clients, litellm_chat
from ensemble.models.litellm_transport import watched, watching_transport
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure, Reply, Usage
from ensemble.testing.fault_server import fault_server
from ensemble.testing.faults import Says
from ensemble.testing.model_server import Act, cuts, fails, model_server, says, sends, stream_bytes
from ensemble.testing.wire import JSON

CALL = ModelCall("k", (SystemMessage("You review."), HumanMessage("Sound?")), {"type": "object"})


@pytest.fixture(autouse=True)
async def clients_closed() -> AsyncIterator[None]:
    yield
    await close_clients()


def a_candidate(model: str = "hosted_vllm/m") -> Candidate:
    return Candidate("x", "litellm", model, available=True, reason="", form=Form.SCHEMA)


@pytest.fixture
def one_call(monkeypatch: pytest.MonkeyPatch) -> "OneCall":
    return OneCall(monkeypatch)


class OneCall:
    """Asks a server with the given acts once, through litellm."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.requests: list[dict[str, object]] = []

    async def __call__(self, *acts: Act, call: ModelCall = CALL) -> Reply:
        async with model_server(*acts) as server:
            self.requests = server.requests
            self._monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.base_url)
            return await litellm_chat(a_candidate(), call)


async def test_litellm_answers_and_counts(one_call: OneCall) -> None:
    reply = await one_call(says("It is sound.", prompt_tokens=90))

    assert reply == Reply("It is sound.", "litellm/hosted_vllm/m", usage=Usage(90, None, 3))
    assert one_call.requests[0]["max_tokens"] == 1500
    assert "response_format" in one_call.requests[0]


async def test_litellm_streams_where_someone_listens(one_call: OneCall) -> None:
    heard: list[str] = []
    call = ModelCall("k", CALL.messages, heard=heard.append)

    reply = await one_call(says("It is sound.", prompt_tokens=90), call=call)

    assert reply.text == "It is sound." == "".join(heard)
    assert reply.usage.input_tokens == 90


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (fails(400, "temperature is wrong"), Failure.BAD_REQUEST),
        (fails(400, "maximum context length is 8192 tokens"), Failure.CONTEXT),
        (fails(400, "content_policy_violation"), Failure.CONTENT_FILTER),
        (fails(401), Failure.AUTH),
        (fails(404), Failure.NOT_FOUND),
        (fails(429), Failure.RATE_LIMIT),
        (fails(500), Failure.OVERLOADED),
        (fails(503), Failure.OVERLOADED),
        (sends(b"<html>", content_type="text/html"), Failure.UNUSABLE),
    ],
)
async def test_litellms_errors_have_the_same_classes_as_any_other(
    act: Act, kind: Failure, one_call: OneCall
) -> None:
    with pytest.raises(ModelFailure) as caught:
        await one_call(act)

    assert caught.value.kind is kind
    assert len(one_call.requests) == 1  # no retries of its own


async def test_the_client_library_below_litellm_does_not_retry_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with model_server(fails(500)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "a key of no worth")

        with pytest.raises(ModelFailure) as caught:
            await litellm_chat(a_candidate("openai/gpt-4o"), CALL)

    assert caught.value.kind is Failure.OVERLOADED
    assert len(server.requests) == 1


async def test_retry_after_is_found_where_litellm_keeps_it(one_call: OneCall) -> None:
    with pytest.raises(ModelFailure) as caught:
        await one_call(fails(429, headers={"Retry-After": "2"}))

    assert caught.value.retry_after_s == 2.0


async def test_a_stream_that_is_cut_is_no_answer(one_call: OneCall) -> None:
    heard: list[str] = []
    call = ModelCall("k", CALL.messages, heard=heard.append)

    with pytest.raises(ModelFailure) as caught:
        await one_call(cuts(300, stream_bytes("a b c d e f g h")), call=call)

    assert caught.value.partial == "".join(heard) != ""


@pytest.mark.parametrize(
    ("model", "kind"),
    [("openai/gpt-4o", Failure.AUTH), ("nonsense/m", Failure.NOT_FOUND)],
)
async def test_a_missing_key_or_an_unknown_name_is_said_without_a_call(
    model: str, kind: Failure
) -> None:
    with pytest.raises(ModelFailure) as caught:
        await litellm_chat(a_candidate(model), CALL)

    assert caught.value.kind is kind


async def test_litellm_prints_nothing(one_call: OneCall, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelFailure):
        await one_call(fails(500))

    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


async def test_a_stream_that_ends_politely_without_a_reason_is_no_answer(
    one_call: OneCall,
) -> None:
    whole = stream_bytes("a b c d e f g h")
    half = whole[: whole.index(b"finish_reason") - 200]
    heard: list[str] = []
    call = ModelCall("k", CALL.messages, heard=heard.append)

    with pytest.raises(ModelFailure) as caught:
        await one_call(sends(half, content_type="text/event-stream"), call=call)

    assert caught.value.kind is Failure.TRANSPORT
    assert caught.value.partial == "".join(heard) != ""


async def test_what_others_ask_over_litellms_clients_is_left_alone() -> None:
    zipped = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"as": "it came"}')
    client = AsyncClient(transport=watching_transport())

    async with model_server(sends(body, content_type=JSON, headers=zipped)) as server, client:
        url = f"{server.base_url}/chat/completions"
        with watched() as faults, pytest.raises(ModelFailure):
            await client.post(url, json={})
        left_alone = await client.post(url, json={})

    assert [fault.kind for fault in faults] == [Failure.UNUSABLE]
    assert left_alone.json() == {"as": "it came"}


@pytest.mark.parametrize("streamed", [True, False])
async def test_litellm_has_the_function_called(
    monkeypatch: pytest.MonkeyPatch, *, streamed: bool
) -> None:
    heard: list[str] = []
    call = replace(CALL, heard=heard.append if streamed else None)
    async with fault_server(Says('{"result": "It is sound."}')) as server:
        monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.openai_url)
        reply = await litellm_chat(replace(a_candidate(), form=Form.TOOL_CALL), call)

    assert reply.text == '{"result": "It is sound."}'
    assert "".join(heard) == (reply.text if streamed else "")
    assert server.asked[0].body["tool_choice"]["function"] == {"name": "answer"}


SHARED = (SystemMessage("You review."), HumanMessage("The plan."), HumanMessage("You are Ann."))


async def test_litellm_names_the_prompt_cache_of_what_all_seats_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    others = (*SHARED[:2], HumanMessage("You are Bob."))
    alone = (SystemMessage("You review."), HumanMessage("Another plan."))

    async with model_server(says("It is sound.")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
        for messages in (SHARED, others, alone):
            await litellm_chat(a_candidate("openai/m"), ModelCall("k", messages, shared=2))

    ann, bob, another = (request["prompt_cache_key"] for request in server.requests)
    assert ann == bob != another


async def test_litellm_marks_what_all_seats_share_for_a_claude_models_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")

    async with fault_server() as server:
        monkeypatch.setenv("ANTHROPIC_API_BASE", server.url)
        candidate = a_candidate("anthropic/claude-opus-4-5")
        await litellm_chat(candidate, ModelCall("k", SHARED, shared=2))

    (asked,) = server.asked
    marked = [
        block["text"]
        for message in asked.body["messages"]
        for block in message["content"]
        if "cache_control" in block
    ]
    assert marked == ["The plan."]
