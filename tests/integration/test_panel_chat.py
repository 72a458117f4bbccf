"""A panel that is asked as a LangChain chat model."""

from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate

from ensemble import ModelCall, Panel, as_chat_model
from ensemble.errors import UsageError
from ensemble.models.openai_chat import openai_chat
from ensemble.models.provider import Candidate, Reply, Usage
from ensemble.models.wire import Endpoint, close_session
from ensemble.testing import scripted
from ensemble.testing.model_server import model_server, says

YES = Reply("**Result**: ship it\n**Confidence**: high\n**Position**: promote", "s/m")


def test_its_answer_is_the_decision_with_its_authority_and_reasons() -> None:
    chat = as_chat_model(Panel("solo", models=scripted(YES)))

    answer = chat.invoke("May this be promoted?")

    result = answer.response_metadata["result"]
    assert str(answer.content).splitlines() == [
        "**Position**: promote",
        f"**Authority**: {result['authority']}",
        "**Result**: ship it",
    ]
    assert result["schema"] == "ensemble/result@1"


def test_what_lowers_the_authority_is_said() -> None:
    unsure = scripted({"panel": YES, "chair": "no envelope at all"})

    answer = as_chat_model(Panel("panel", models=unsure)).invoke("May this be promoted?")

    assert "**Authority**: degraded (" in str(answer.content)
    assert "chair gave no answer; the vote stands in for it" in str(answer.content)


async def test_the_last_human_message_is_the_task() -> None:
    tasks: list[str] = []

    async def remembers(_: Candidate, call: ModelCall) -> Reply:
        tasks.append(str(call.messages[1].content))
        return YES

    chat = as_chat_model(Panel("solo", models=remembers))
    said = [
        SystemMessage("Be kind."),
        HumanMessage("First?"),
        AIMessage("x"),
        HumanMessage("Last?"),
    ]

    await chat.ainvoke(said)

    assert len(tasks) == 1
    assert "Last?" in tasks[0]
    assert "First?" not in tasks[0]


async def test_what_the_seats_used_is_summed() -> None:
    counted = Reply(YES.text, "s/m", usage=Usage(2000, 40, 7))
    chat = as_chat_model(Panel("panel", models=scripted(counted)))

    answer = await chat.ainvoke("Promote?")

    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] == 8000
    assert answer.usage_metadata["output_tokens"] == 28
    assert answer.usage_metadata["total_tokens"] == 8028


async def test_streamed_it_yields_its_message_and_nothing_of_the_seats() -> None:
    chain = ChatPromptTemplate.from_template("May {what} be promoted?") | as_chat_model(
        Panel("panel", models=scripted(YES))
    )

    pieces = [piece async for piece in chain.astream({"what": "it"})]

    assert "".join(str(piece.content) for piece in pieces).startswith("**Position**: promote")


async def test_callbacks_hear_the_seats_below_it() -> None:
    class Hears(AsyncCallbackHandler):
        def __init__(self) -> None:
            self.nodes: set[str] = set()

        async def on_chat_model_start(self, *_: Any, **told: Any) -> None:
            about: dict[str, str] = told["metadata"] or {}
            self.nodes.add(about.get("langgraph_node", "the panel"))

    hears = Hears()
    chat = as_chat_model(Panel("solo", models=scripted(YES)))

    await chat.ainvoke("Promote?", {"callbacks": [hears]})

    assert hears.nodes == {"the panel", "expert@solo"}


async def test_callbacks_hear_what_a_seat_says_piece_by_piece() -> None:
    class Hears(AsyncCallbackHandler):
        def __init__(self) -> None:
            self.pieces: list[str] = []

        async def on_llm_new_token(self, token: Any, **_: Any) -> None:
            self.pieces.append(str(token))

    hears = Hears()

    async with model_server(says(YES.text, prompt_tokens=2000)) as server:
        direct = openai_chat(Endpoint("mine", server.base_url))
        chat = as_chat_model(Panel("solo", models=direct))
        await chat.ainvoke("Promote?", {"callbacks": [hears]})
        await close_session()

    assert "".join(hears.pieces) == YES.text
    assert len(hears.pieces) > 1


async def test_invoked_inside_a_loop_it_says_what_to_write_of_its_own() -> None:
    chat = as_chat_model(Panel("solo", models=scripted(YES)))

    with pytest.raises(UsageError, match=r"await model\.ainvoke"):
        chat.invoke("Promote?")


async def test_without_a_task_it_says_what_to_add() -> None:
    chat = as_chat_model(Panel("solo", models=scripted(YES)))

    with pytest.raises(UsageError, match="add a HumanMessage"):
        await chat.ainvoke([SystemMessage("Be kind.")])


async def test_it_holds_a_seat_of_another_panel() -> None:
    def in_the_form_asked_for(decision: AIMessage) -> str:
        return f"{decision.text}\n**Confidence**: high"

    inner: Any = as_chat_model(Panel("solo", models=scripted(YES)))
    others = {"panel": scripted(YES), "chair": scripted(YES)}
    panel = Panel("panel", models={"panel[0]": inner | in_the_form_asked_for, **others})

    result = await panel.run("Promote?")

    assert result.position == "promote"
    assert result.document["witnesses"]["answered"] == 3
