"""A chain as a LangChain chat model, and LangChain's models as providers."""

from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import LLMResult
from typing_extensions import override

from ensemble.errors import UsageError
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ChainExhausted
from ensemble.models.chat_model import ChainChatModel
from ensemble.models.langchain_chat import langchain_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Params,
    Provider,
    Reply,
    Usage,
)
from ensemble.testing import scripted

CALL = ModelCall("k", (HumanMessage("?"),))


class Ear(AsyncCallbackHandler):
    """What the callbacks were told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ended: list[str] = []

    @override
    async def on_llm_new_token(self, token: Any, **told: Any) -> None:
        self.tokens.append(str(token))

    @override
    async def on_llm_end(self, response: LLMResult, **told: Any) -> None:
        self.ended.append(response.generations[0][0].text)


def a_candidate(provider: str = "first", **given: Any) -> Candidate:
    fields: dict[str, Any] = {"asked": "x", "model": "m", "available": True, "reason": ""}
    fields |= {"provider": provider, **given}
    return Candidate(**fields)


def a_chat(journal: Journal, **providers: Provider) -> ChainChatModel:
    return ChainChatModel(
        chain=tuple(a_candidate(name) for name in providers),
        recorder=journal,
        providers=providers,
        policy=Policy(backoff_s=0.001),
    )


def a_langchain_model(*texts: str) -> BaseChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


async def test_the_chat_model_answers_with_the_recorded_reply() -> None:
    journal = Journal("r")
    reply = Reply("Sound.", "first/m", usage=Usage(12, 8, 3))

    message = await a_chat(journal, first=scripted(reply)).ainvoke("?", key="chair/x#0/model#0")

    assert message.content == "Sound."
    assert message.response_metadata["model_name"] == "first/m"
    assert message.usage_metadata == {
        "input_tokens": 12,
        "output_tokens": 3,
        "total_tokens": 15,
        "input_token_details": {"cache_read": 8},
    }
    assert [event.key for event in journal.events] == ["chair/x#0/model#0"] * 2


async def test_calls_without_a_key_are_counted() -> None:
    journal = Journal("r")
    chat = a_chat(journal, first=scripted("Sound."))

    for _ in range(2):
        await chat.ainvoke("?")

    assert {event.key for event in journal.events} == {"chat/model#0", "chat/model#1"}


async def test_callbacks_hear_pieces_and_the_end_hears_the_reply_alone() -> None:
    ear = Ear()

    async def breaks_off(candidate: Candidate, call: ModelCall) -> Reply:
        if call.heard is not None:
            call.heard("Half an ans")
        raise ModelFailure(Failure.UNUSABLE, "broke off")

    chat = a_chat(Journal("r"), first=breaks_off, second=scripted("Sound."))

    message = await chat.ainvoke("?", config={"callbacks": [ear]})

    assert ear.tokens == ["Half an ans", "Sound."]
    assert ear.ended == ["Sound."] == [message.content]


async def test_a_stream_of_the_chat_model_is_its_whole_reply() -> None:
    chat = a_chat(Journal("r"), first=scripted("Sound."))

    pieces = [piece.content async for piece in chat.astream("?")]

    assert "".join(str(piece) for piece in pieces) == "Sound."


@pytest.mark.parametrize("callbacks", [[], [Ear()]])
async def test_an_exhausted_chain_is_raised_as_what_it_is(
    callbacks: list[AsyncCallbackHandler],
) -> None:
    chat = a_chat(Journal("r"), first=scripted([ModelFailure(Failure.AUTH, "no")]))

    with pytest.raises(ChainExhausted):
        await chat.ainvoke("?", config={"callbacks": [*callbacks]})


async def test_schema_and_parameters_reach_the_model() -> None:
    script = scripted("{}")
    chat = a_chat(Journal("r"), first=script)
    chat.chain = (a_candidate(form=Form.SCHEMA),)

    await chat.ainvoke("?", schema={"type": "object"}, params=Params(max_tokens=9))

    assert script.asked[0].schema == {"type": "object"}
    assert script.asked[0].params.max_tokens == 9


async def test_stop_words_are_refused_and_not_ignored() -> None:
    with pytest.raises(UsageError, match="stop words"):
        await a_chat(Journal("r"), first=scripted("x")).ainvoke("?", stop=["END"])


def test_a_synchronous_call_says_what_to_call() -> None:
    with pytest.raises(UsageError, match="ainvoke"):
        a_chat(Journal("r"), first=scripted("x")).invoke("?")


async def test_a_langchain_model_answers_as_a_provider() -> None:
    heard: list[str] = []
    call = ModelCall("k", (HumanMessage("?"),), heard=heard.append)

    reply = await langchain_chat(a_langchain_model("It is sound."))(a_candidate("mine"), call)

    assert reply.text == "It is sound." == "".join(heard)
    assert reply.served == "mine/m"
    assert len(heard) > 1


async def test_a_langchain_model_keeps_the_callbacks_of_the_node_around_it_out() -> None:
    ear = Ear()
    chat = a_chat(Journal("r"), first=langchain_chat(a_langchain_model("It is sound.")))

    await chat.ainvoke("?", config={"callbacks": [ear]})

    assert ear.ended == ["It is sound."]


async def test_what_a_langchain_model_raises_is_a_failure() -> None:
    model = langchain_chat(a_langchain_model())  # it has no message to give

    with pytest.raises(ModelFailure):
        await model(a_candidate(), CALL)
