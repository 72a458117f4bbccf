"""llama.cpp with the embedded weights, asked over every kind of client that can speak to it.

As a plain OpenAI-compatible URL; through litellm; and through Ollama's client and routes, with
a server of ours that speaks Ollama's documented shapes in front of it, which says nothing of
Ollama itself.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.config import Embedded, Settings
from ensemble.config import Provider as OwnServer
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask
from ensemble.models.embedded import Lease, join_server, leave_server
from ensemble.models.litellm_chat import close_clients
from ensemble.models.openai_chat import openai_chat
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate, ModelCall, Params, Reply
from ensemble.models.providers import providers_for
from ensemble.models.selection import Wishes, resolve
from ensemble.models.wire import Endpoint, close_session
from ensemble.testing.ollama_server import OllamaServer, ollama_server

pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")

AT_MOST = Params(max_tokens=12)
TAG = "smollm2:135m"
AS_ASKED = {"num_predict": 12, "num_ctx": 2048}


@pytest.fixture(scope="module")
def llama() -> Iterator[Lease]:
    """Run llama.cpp for all tests of this file."""
    yield join_server(Embedded(threads=2, context=2048))
    leave_server()


@pytest.fixture
async def ollama_shapes(llama: Lease) -> AsyncIterator[OllamaServer]:
    """Run a server of ours in Ollama's shapes, behind which llama.cpp speaks."""
    real = openai_chat(Endpoint("llama", f"{llama.url}/v1", key=llama.key))

    async def speak(body: dict[str, Any]) -> str:
        messages = tuple(HumanMessage(said["content"]) for said in body["messages"])
        call = ModelCall("behind", messages, params=AT_MOST)
        candidate = Candidate("x", "llama", "m", available=True, reason="")
        return (await real(candidate, call)).text

    async with ollama_server(speak, tags=(TAG,)) as server:
        yield server
    await close_session()


def a_call(heard: list[str]) -> ModelCall:
    asked = (SystemMessage("You are brief."), HumanMessage("Name a colour."))
    return ModelCall("seat/solo#0/model#0", asked, params=AT_MOST, heard=heard.append)


async def asked(name: str, settings: Settings, **here: str) -> tuple[Reply, list[str]]:
    """Ask one model as a run does, and return its reply and what was heard of it."""
    chain = await resolve(Wishes(name), settings=settings, probes=Probes(here))
    heard: list[str] = []
    try:
        answered = await ask(
            chain, a_call(heard), recorder=Journal("r"), providers=providers_for(settings)
        )
    finally:
        await close_session()  # and not llama.cpp, which the other tests ask too
        await close_clients()
    assert answered.attempts == ()
    return answered.reply, heard


async def test_llama_cpp_answers_at_a_plain_url_of_the_settings(
    llama: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_KEY", llama.key)
    own = OwnServer(base_url=f"{llama.url}/v1", api_key_env="LLAMA_KEY")

    reply, heard = await asked("mine/m", Settings(providers={"mine": own}), LLAMA_KEY=llama.key)

    assert reply.served == "mine/m"
    assert reply.text == "".join(heard) != ""
    assert 0 < (reply.usage.output_tokens or 0) <= AT_MOST.max_tokens


async def test_litellm_asks_llama_cpp_over_its_openai_route(
    llama: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"OPENAI_API_KEY": llama.key, "OPENAI_BASE_URL": f"{llama.url}/v1"}
    for name, value in here.items():
        monkeypatch.setenv(name, value)

    reply, heard = await asked("litellm/openai/smollm2", Settings(), **here)

    assert reply.served == "litellm/openai/smollm2"
    assert reply.text == "".join(heard) != ""
    assert (reply.usage.input_tokens or 0) > 5


async def test_litellm_asks_a_server_in_ollamas_shapes_before_llama_cpp(
    ollama_shapes: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", f"http://{ollama_shapes.host}")

    reply, heard = await asked(f"litellm/ollama_chat/{TAG}", Settings())

    assert reply.served == f"litellm/ollama_chat/{TAG}"
    assert reply.text == "".join(heard) != ""
    assert [body["model"] for body in ollama_shapes.requests] == [TAG]


async def test_our_ollama_route_asks_a_server_in_its_shapes_before_llama_cpp(
    ollama_shapes: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama_shapes.host)

    reply, heard = await asked(TAG, Settings(), OLLAMA_HOST=ollama_shapes.host)

    assert reply.served == f"ollama/{TAG}"
    assert reply.text == "".join(heard) != ""


async def test_ollamas_own_client_reads_a_server_in_its_shapes_before_llama_cpp(
    ollama_shapes: OllamaServer,
) -> None:
    from ollama import AsyncClient

    client: Any = AsyncClient(host=f"http://{ollama_shapes.host}")
    said = [{"role": "user", "content": "Name a colour."}]

    async with client:
        listed = await client.list()
        answer = await client.chat(TAG, said, stream=True, options=AS_ASKED)
        pieces = [piece async for piece in answer]

    assert [model.model for model in listed.models] == [TAG]
    assert "".join(piece.message.content for piece in pieces)
    assert pieces[-1].done
