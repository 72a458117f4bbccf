"""The Anthropic provider against llama.cpp's own `/v1/messages`, with the embedded weights."""

import asyncio

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.config import Embedded
from ensemble.models.anthropic_chat import anthropic_chat
from ensemble.models.embedded import join_server, leave_server
from ensemble.models.provider import Candidate, ModelCall, Params
from ensemble.models.wire import Endpoint, close_session

pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")


async def test_llama_cpp_answers_over_the_messages_route() -> None:
    lease = await asyncio.to_thread(join_server, Embedded(threads=2, context=2048))
    heard: list[str] = []
    call = ModelCall(
        "k",
        (SystemMessage("You are brief."), HumanMessage("Name a colour.")),
        params=Params(max_tokens=12),
        heard=heard.append,
    )
    candidate = Candidate("x", "llama", "smollm2", available=True, reason="")

    endpoint = Endpoint("llama", f"{lease.url}/v1", key=lease.key)
    reply = await anthropic_chat(endpoint)(candidate, call)
    await close_session()
    leave_server()

    assert reply.text == "".join(heard) != ""
    assert reply.served == "llama/smollm2"
    assert 0 < (reply.usage.output_tokens or 0) <= 12
    assert (reply.usage.input_tokens or 0) > 5
