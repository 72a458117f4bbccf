"""A chain as a chat model inside a LangGraph node, streamed as LangGraph streams any model."""

from typing import Any, TypedDict, cast

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.graph import END, START, StateGraph

from ensemble.journal.run_journal import Journal
from ensemble.models.chat_model import ChainChatModel
from ensemble.models.langchain_chat import langchain_chat
from ensemble.models.provider import Candidate, Provider
from ensemble.testing import scripted


class State(TypedDict):
    text: str


def a_graph(provider: Provider) -> Any:
    chat = ChainChatModel(
        chain=(Candidate("x", "mine", "m", available=True, reason=""),),
        recorder=Journal("r"),
        providers={"mine": provider},
    )

    async def seat(state: State) -> State:
        message = await chat.ainvoke(state["text"], key="panel[0]/x#0/model#0")
        return {"text": str(message.content)}

    graph: Any = StateGraph(State)  # its builder is typed only in part
    graph.add_node("panel[0]@panel_member", seat)
    graph.add_edge(START, "panel[0]@panel_member")
    graph.add_edge("panel[0]@panel_member", END)
    return graph.compile()


async def streamed(graph: Any) -> list[BaseMessage]:
    parts: list[Any] = [part async for part in graph.astream({"text": "?"}, stream_mode="messages")]
    return [cast("BaseMessage", part[0]) for part in parts]


async def test_pieces_are_streamed_once_and_belong_to_one_message() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("It is sound.")]))

    pieces = await streamed(a_graph(langchain_chat(model)))

    assert "".join(str(piece.content) for piece in pieces) == "It is sound."
    assert len(pieces) > 1
    assert len({piece.id for piece in pieces}) == 1


async def test_a_node_returns_what_the_chain_answered() -> None:
    state = await a_graph(scripted("Sound.")).ainvoke({"text": "?"})

    assert state == {"text": "Sound."}
