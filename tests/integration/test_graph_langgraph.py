"""The compiled graph in LangGraph's own hands: invoked, checkpointed, streamed, nested, drawn."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

import pytest
from langchain_core.callbacks import AsyncCallbackHandler

from ensemble.agents.library import a_person
from ensemble.errors import CannotWrite, Paused, UsageError
from ensemble.graph.compile import compile_graph
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
from ensemble.roles import Role
from ensemble.scenarios.graphs import load_topology
from ensemble.testing import scripted
from ensemble.testing.panels import (
    ScriptedLab,
    a_request,
    an_answer,
    an_ensemble,
    scripted_context,
    turns_begun,
)

GRAPHS: Final = Path(__file__).parents[2] / "graphs"


class Contexts:
    """Makes the context of each bare invocation, and keeps them by task."""

    def __init__(self, lines: dict[str, Any] | None = None) -> None:
        self.lines = {"*": an_answer("promote"), **(lines or {})}
        self.by_task: dict[str, RunContext] = {}

    async def make(self, ensemble: Ensemble, task: str) -> RunContext:
        run = scripted_context(ensemble, scripted(self.lines, delay_s=0.002), lab=ScriptedLab())
        self.by_task[task] = run
        return run


@pytest.fixture
def review() -> Ensemble:
    return an_ensemble(load_topology(GRAPHS / "review.py"), {"panel": 2}, tools=["check_data"])


def test_a_node_is_named_for_its_member_and_role(review: Ensemble) -> None:
    graph = compile_graph(review, make_context=Contexts().make)

    assert {"panel[0]@panel_member", "auditor@auditor", "lab"} <= set(graph.nodes)


async def test_a_bare_invocation_journals_in_memory(review: Ensemble) -> None:
    contexts = Contexts()
    graph = compile_graph(review, make_context=contexts.make)

    state = await graph.ainvoke({"task": "one"})

    events = [event.event for event in contexts.by_task["one"].journal.events]
    assert state["decision"]["authority"] == "decided"
    assert events.count("model_replied") == 4
    assert events[-1] == "decided"
    assert "own_run" not in state


async def test_invocations_of_one_graph_at_the_same_time_do_not_mix(review: Ensemble) -> None:
    contexts = Contexts({"panel[1]": [a_request(), an_answer("reject")]})
    graph = compile_graph(review, make_context=contexts.make)
    tasks = [f"task-{n}" for n in range(20)]

    await asyncio.gather(*(graph.ainvoke({"task": task}) for task in tasks))

    for task in tasks:
        events = contexts.by_task[task].journal.events
        requests = [str(e.body["request"]) for e in events if e.event == "model_asked"]
        assert len(requests) == 5
        assert all(f"# Task\\n{task}\\n" in request for request in requests)


async def test_a_checkpointer_of_langgraph_can_be_passed(review: Ensemble) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    contexts = Contexts({"panel[1]": [a_request(), an_answer("promote")]})
    graph = compile_graph(review, make_context=contexts.make, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    state = await graph.ainvoke({"task": "one"}, thread)

    kept = (await graph.aget_state(thread)).values
    assert kept["decision"] == state["decision"]
    assert sorted(kept["turns"]) == sorted(turns_begun(contexts.by_task["one"]))


async def test_a_second_task_on_a_thread_is_a_run_of_its_own(review: Ensemble) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    contexts = Contexts()
    graph = compile_graph(review, make_context=contexts.make, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"task": "one"}, thread)
    contexts.lines["*"] = an_answer("reject")

    state = await graph.ainvoke({"task": "two"}, thread)

    assert turns_begun(contexts.by_task["two"]) == turns_begun(contexts.by_task["one"])
    assert state["decision"]["decision"]["position"] == "reject"
    assert state["decision"]["decision"]["minority"] == []


async def test_a_thread_that_broke_off_goes_on_with_its_runs_context(review: Ensemble) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    graph = compile_graph(review, make_context=Contexts().make, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    script = scripted({"*": an_answer("promote")})
    broken = True

    async def breaks_at_the_chair(candidate: Candidate, call: ModelCall) -> Reply:
        if broken and call.key.startswith("chair"):
            raise CannotWrite("the cable", where="here", fix="plug it in")
        return await script(candidate, call)

    run = scripted_context(review, breaks_at_the_chair)
    with pytest.raises(CannotWrite, match="the cable"):
        await graph.ainvoke({"task": "one"}, thread, context=run)
    broken = False

    state = await graph.ainvoke(None, thread, context=run)

    assert state["decision"]["authority"] == "decided"
    assert len(script.asked) == 4


async def test_langgraph_can_stream_each_nodes_update(review: Ensemble) -> None:
    contexts = Contexts({"panel[0]": ModelFailure(Failure.AUTH, "no key")})
    graph = compile_graph(review, make_context=contexts.make)

    seen = [name async for part in graph.astream({"task": "one"}) for name in part]

    assert seen[0] == "begin"
    assert set(seen[1:3]) == {"panel[0]@panel_member", "panel[1]@panel_member"}
    assert seen[3:] == ["auditor@auditor", "chair@decision_maker", "decision"]


async def test_values_and_messages_can_be_streamed_too(review: Ensemble) -> None:
    graph = compile_graph(review, make_context=Contexts().make)

    parts = [
        part async for part in graph.astream({"task": "one"}, stream_mode=["values", "messages"])
    ]

    values = [part for mode, part in parts if mode == "values"]
    speakers = {part[1]["langgraph_node"] for mode, part in parts if mode == "messages"}
    assert values[-1]["decision"]["authority"] == "decided"
    assert speakers == {
        "panel[0]@panel_member",
        "panel[1]@panel_member",
        "auditor@auditor",
        "chair@decision_maker",
    }


async def test_custom_streams_one_small_document_for_what_is_worth_showing(
    review: Ensemble,
) -> None:
    contexts = Contexts({"panel[0]": [a_request(), an_answer("promote")]})
    graph = compile_graph(review, make_context=contexts.make)

    told = [part async for part in graph.astream({"task": "one"}, stream_mode="custom")]

    assert [(part["event"], part.get("node")) for part in told[-5:]] == [
        ("turn_started", "auditor@auditor"),
        ("turn_ended", "auditor@auditor"),
        ("turn_started", "chair@decision_maker"),
        ("turn_ended", "chair@decision_maker"),
        ("decided", None),
    ]
    events = [part["event"] for part in told]
    assert [events.count(name) for name in ("turn_started", "turn_ended")] == [4, 4]
    assert [part["tool"] for part in told if part["event"] == "lab_returned"] == ["check_data"]
    assert told[-1] == {"event": "decided", "authority": "decided", "position": "promote"}


async def test_callbacks_hear_chains_and_models_by_the_seats_they_belong_to(
    review: Ensemble,
) -> None:
    hears = Hears()
    graph = compile_graph(review, make_context=Contexts().make)

    await graph.ainvoke({"task": "one"}, {"callbacks": [hears]})

    seats = {"panel[0]@panel_member", "panel[1]@panel_member", "auditor@auditor"}
    assert seats <= hears.chains
    assert seats <= hears.models
    assert hears.open == 0


async def test_it_is_a_node_of_another_graph_that_has_a_state_and_a_context_of_its_own(
    review: Ensemble,
) -> None:
    from langgraph.graph import StateGraph

    inner = compile_graph(review, make_context=Contexts().make)
    outer: Any = StateGraph(Theirs, context_schema=TheirContext)
    outer.add_node("ask", asks)
    outer.add_node("panel", inner)
    outer.add_edge("__start__", "ask")
    outer.add_edge("ask", "panel")

    state = await outer.compile().ainvoke({"turns": ["mine"]}, context=TheirContext("theirs"))

    assert state["task"] == "from outside"
    assert state["decision"]["decision"]["position"] == "promote"


async def test_it_is_called_from_a_function_that_is_a_node(review: Ensemble) -> None:
    from langgraph.graph import StateGraph

    inner = compile_graph(review, make_context=Contexts().make)

    async def panel(state: Theirs) -> Theirs:
        decided = await inner.ainvoke({"task": state.get("task")})
        return {"decision": decided["decision"]}

    outer: Any = StateGraph(Theirs)
    outer.add_node("panel", panel)
    outer.add_edge("__start__", "panel")

    state = await outer.compile().ainvoke({"task": "one", "turns": ["mine"]})

    assert state["turns"] == ["mine"]
    assert state["decision"]["authority"] == "decided"


def test_code_that_is_not_async_can_invoke_and_stream_it(review: Ensemble) -> None:
    graph = compile_graph(review, make_context=Contexts().make)

    state = graph.invoke({"task": "one"})
    seen = [name for part in graph.stream({"task": "one"}) for name in part]

    assert state["decision"]["decision"]["position"] == "promote"
    assert seen[-3:] == ["auditor@auditor", "chair@decision_maker", "decision"]


def test_a_stream_that_nobody_reads_to_its_end_stops_the_run(review: Ensemble) -> None:
    contexts = Contexts()
    stream = compile_graph(review, make_context=contexts.make).stream({"task": "one"})

    first = next(stream)
    stream.close()

    assert list(first) == ["begin"]
    assert "decided" not in [event.event for event in contexts.by_task["one"].journal.events]


async def test_where_an_event_loop_runs_it_says_what_to_await(review: Ensemble) -> None:
    graph = compile_graph(review, make_context=Contexts().make)

    with pytest.raises(UsageError, match=r"await graph\.ainvoke"):
        graph.invoke({"task": "one"})


def test_a_graph_around_it_can_be_invoked_so_and_interrupted_by_a_person() -> None:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import StateGraph
    from langgraph.types import Command

    ensemble = an_ensemble(load_topology(GRAPHS / "gate.py"), {"person": a_person()})
    outer: Any = StateGraph(Theirs)
    outer.add_node("gate", compile_graph(ensemble, make_context=Contexts().make))
    outer.add_edge("__start__", "gate")
    graph = outer.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    waiting = graph.invoke({"task": "one"}, thread)
    done = graph.invoke(Command(resume="promote: signed"), thread)

    assert waiting["__interrupt__"][0].value["key"] == "person/decision_maker#0/human#0"
    assert done["decision"]["decision"]["position"] == "promote"


async def test_a_store_reaches_the_nodes_graph(review: Ensemble) -> None:
    from langgraph.store.memory import InMemoryStore

    store = InMemoryStore()

    graph = compile_graph(review, make_context=Contexts().make, store=store)

    assert graph.store is store


@pytest.mark.parametrize("name", ["solo", "panel", "review"])
def test_langgraph_draws_the_graph_with_roles_on_its_edges(name: str) -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / f"{name}.py"), {"panel": 2})
    graph = compile_graph(ensemble, make_context=Contexts().make)

    drawn = graph.get_graph()

    edges = {(edge.target, edge.data) for edge in drawn.edges}
    for member, role in ensemble.nodes():
        assert (f"{member.path}@{role}", role) in edges
    assert ("__end__", None) in edges
    assert "lab" not in drawn.nodes


class Hears(AsyncCallbackHandler):
    """An ordinary handler of callbacks: who began, and how many have not ended."""

    def __init__(self) -> None:
        self.chains: set[str] = set()
        self.models: set[str] = set()
        self.open = 0

    async def on_chain_start(self, *_: Any, **told: Any) -> None:
        self.chains.add(str(told.get("name")))
        self.open += 1

    async def on_chain_end(self, *_: Any, **__: Any) -> None:
        self.open -= 1

    async def on_chat_model_start(self, *_: Any, **told: Any) -> None:
        self.models.add(told["metadata"]["langgraph_node"])
        self.open += 1

    async def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.open -= 1


class Theirs(TypedDict, total=False):
    """The state of somebody else's graph, with a `turns` of its own kind."""

    task: str
    decision: dict[str, Any]
    turns: list[str]


@dataclass
class TheirContext:
    name: str


def asks(_: Theirs) -> Theirs:
    return {"task": "from outside"}


async def test_a_person_interrupts_a_thread_that_a_checkpointer_holds() -> None:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import Command

    topology = Topology(
        "gate",
        (
            Edge(START, "author", Role.PANEL_MEMBER),
            Edge("author", "person", Role.DECISION_MAKER),
            Edge("person", END),
        ),
    )
    ensemble = an_ensemble(topology, {"person": a_person()})
    contexts, saver = Contexts(), InMemorySaver()
    thread: Any = {"configurable": {"thread_id": "1"}}

    waiting = await compile_graph(ensemble, make_context=contexts.make, checkpointer=saver).ainvoke(
        {"task": "one"}, thread
    )
    # Another process has nothing but the checkpoint.
    elsewhere = compile_graph(ensemble, make_context=contexts.make, checkpointer=saver)
    state = await elsewhere.ainvoke(Command(resume="reject: not yet"), thread)

    asked = waiting["__interrupt__"][0].value
    assert asked["key"] == "person/decision_maker#0/human#0"
    assert asked["choices"] == ["promote", "reject"]
    assert "decision" not in waiting
    assert state["decision"]["decision"]["position"] == "reject"
    assert state["decision"]["decision"]["result"] == "not yet"


async def test_a_person_in_a_graph_without_a_checkpointer_is_said_to_be_waited_for() -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / "gate.py"), {"person": a_person()})
    contexts = Contexts()
    graph = compile_graph(ensemble, make_context=contexts.make)

    with pytest.raises(Paused, match="person/decision_maker#0"):
        await graph.ainvoke({"task": "one"})


async def test_a_person_interrupts_the_checkpointed_graph_around_the_panel() -> None:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END as LAST
    from langgraph.graph import START as FIRST
    from langgraph.graph import StateGraph
    from langgraph.types import Command

    class Outer(TypedDict, total=False):
        task: str
        decision: dict[str, Any]
        signed: bool

    def signs(state: Outer) -> Outer:
        return {"signed": bool(state.get("decision"))}

    ensemble = an_ensemble(load_topology(GRAPHS / "gate.py"), {"person": a_person()})
    outer: Any = StateGraph(Outer)
    outer.add_node("gate", compile_graph(ensemble, make_context=Contexts().make))
    outer.add_node("after", signs)
    outer.add_edge(FIRST, "gate")
    outer.add_edge("gate", "after")
    outer.add_edge("after", LAST)
    graph = outer.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    waiting = await graph.ainvoke({"task": "one"}, thread)
    done = await graph.ainvoke(Command(resume="promote: signed"), thread)

    assert "signed" not in waiting
    assert waiting["__interrupt__"][0].value["key"] == "person/decision_maker#0/human#0"
    assert done["signed"] is True
    assert done["decision"]["decision"]["position"] == "promote"


async def test_what_an_earlier_run_of_the_thread_measured_or_decided_is_gone() -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    topology = Topology("solo", (Edge(START, "expert", Role.SOLO), Edge("expert", END)))
    ensemble = an_ensemble(topology, tools=["check_data"])
    contexts = Contexts({"expert": [a_request(), an_answer("promote")]})
    graph = compile_graph(ensemble, make_context=contexts.make, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"task": "one"}, thread)
    contexts.lines["expert"] = [an_answer("reject")]

    state = await graph.ainvoke({"task": "two"}, thread)

    assert state["evidence"] == {}
    assert state["decision"]["evidence"] == []
    assert [turn["knew"] for turn in state["turns"].values()] == [[]]


async def test_a_word_that_is_no_choice_is_refused_however_it_is_brought() -> None:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import Command

    ensemble = an_ensemble(load_topology(GRAPHS / "gate.py"), {"person": a_person()})
    graph = compile_graph(ensemble, make_context=Contexts().make, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"task": "one"}, thread)

    with pytest.raises(UsageError, match="'banana' is no answer"):
        await graph.ainvoke(Command(resume="banana"), thread)
