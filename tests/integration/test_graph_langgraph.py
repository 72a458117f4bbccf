"""The compiled graph in LangGraph's own hands: invoked bare, checkpointed, drawn."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.errors import UsageError
from ensemble.graph.compile import compile_graph
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
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
            raise RuntimeError("the cable")
        return await script(candidate, call)

    run = scripted_context(review, breaks_at_the_chair)
    with pytest.raises(RuntimeError, match="the cable"):
        await graph.ainvoke({"task": "one"}, thread, context=run)
    with pytest.raises(UsageError, match="needs the context of its run"):
        await graph.ainvoke(None, thread)
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


@pytest.mark.parametrize("name", ["solo", "panel", "review"])
def test_langgraph_draws_the_graph(name: str) -> None:
    ensemble = an_ensemble(load_topology(GRAPHS / f"{name}.py"), {"panel": 2})
    graph = compile_graph(ensemble, make_context=Contexts().make)

    drawn = graph.get_graph().draw_mermaid()

    for member, role in ensemble.nodes():
        assert f"({member.path}@{role}" in drawn
    assert "decision -.-> __end__" in drawn
