"""An ensemble compiled into a LangGraph state machine; the only module that knows LangGraph.

One node per (member, role), named `panel[0]@panel_member`. `lab` is a node like any other: a
turn that asks goes there and comes back to itself. A seat that others lead to is deferred,
and yields while an earlier seat that leads to it has been entered and is not done.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, cast

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from ensemble.graph.decision import decide
from ensemble.graph.lab_desk import Request, evidence_line
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.state import Document, EnsembleState, StateUpdate, by_key, evidence_of
from ensemble.graph.turn import Progress, take_turn
from ensemble.graph.ways import DECISION, LAB, Ways

BEGIN: Final = "begin"

ContextMaker = Callable[[Ensemble, str], Awaitable[RunContext]]
"""Makes the context of an `invoke` that brings none, from the ensemble and the task."""


class _GraphState(EnsembleState, total=False):
    own_run: Annotated[Any, UntrackedValue(object)]
    """The context of an invocation that brought none; no checkpointer sees it."""


def compile_graph(
    ensemble: Ensemble, *, make_context: ContextMaker, checkpointer: Any = None
) -> Any:
    """Compile the ensemble.

    Args:
        ensemble: topology, cast and rules.
        make_context: makes a run's context where a caller invokes without one.
        checkpointer: any LangGraph checkpointer; the journal needs none.

    Returns:
        A LangGraph `CompiledStateGraph`: input `{"task": …}`, and `decision` in its output.
    """
    builder: Any = StateGraph(
        _GraphState,
        context_schema=RunContext,
        input_schema=EnsembleState,
        output_schema=EnsembleState,
    )
    ways = Ways(ensemble)

    async def begin(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        entered = _as_entered(ways.out_of_start(state))
        if _given(runtime) is not None:
            return {"entered": entered}
        return {"entered": entered, "own_run": await make_context(ensemble, state.get("task", ""))}

    builder.add_node(BEGIN, begin)
    builder.add_edge(START, BEGIN)
    _lead(builder, BEGIN, ways.out_of_start, [*ways.nodes, DECISION])
    for member, role in ensemble.nodes():
        name = node_name(member.path, role)
        first = name in ways.out_of_start(EnsembleState(task=""))
        builder.add_node(name, _agent_node(ensemble, member, role, ways), defer=not first)
        _lead(builder, name, ways.out_of(name), ways.reach_of(name))
    for join in ways.joins:
        builder.add_node(join, _join_node(join, ways), defer=True)
        _lead(builder, join, ways.out_of_join(join), [*ways.nodes, DECISION])
    builder.add_node(LAB, _measure)
    _lead(builder, LAB, ways.out_of_lab, ways.nodes)
    builder.add_node(DECISION, _decision_node(ensemble, ways), defer=True)
    _lead(builder, DECISION, ways.out_of_decision, [DECISION, END])
    graph = builder.compile(checkpointer=checkpointer, name=ensemble.topology.name)
    return graph.with_config(recursion_limit=ways.most_steps)


def _lead(
    builder: Any, name: str, ways: Callable[[EnsembleState], list[str]], reach: list[str]
) -> None:
    builder.add_conditional_edges(name, ways, reach)


def _given(runtime: Runtime[RunContext]) -> RunContext | None:
    return cast("RunContext | None", runtime.context)


def _run(state: _GraphState, runtime: Runtime[RunContext]) -> RunContext:
    return _given(runtime) or cast("RunContext", state.get("own_run"))


def _as_entered(names: list[str]) -> dict[str, Document]:
    return {name: {} for name in names if name != DECISION}


def _agent_node(ensemble: Ensemble, member: Member, role: str, ways: Ways) -> Any:
    """Return the node in which `member` takes its turns in `role`."""
    name = node_name(member.path, role)

    async def agent(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        run = _run(state, runtime)
        if run.paused:
            return {"entered": {name: {"paused": True}}}
        if ways.yields(name, state):
            return {}
        update = await take_turn(ensemble, member, role, state, run)
        if run.paused and not update:
            return {"entered": {name: {"paused": True}}}
        if "turns" in update:
            after = cast(
                "EnsembleState",
                {**state, "turns": by_key(state.get("turns", {}), update["turns"])},
            )
            update["entered"] = {name: None, **_as_entered(ways.after(name, after))}
        return update

    return agent


def _join_node(name: str, ways: Ways) -> Any:
    """Return the node in which a seat of several decides once where to go next."""

    async def join(state: _GraphState) -> StateUpdate:
        return {"entered": {name: None, **_as_entered(ways.out_of_join(name)(state))}}

    return join


async def _measure(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
    """Run what the seats asked for in this step as one batch; each turn gets its reply."""
    run = _run(state, runtime)
    waiting = {name: Progress.read(doc) for name, doc in state.get("asking", {}).items()}
    asking = {name: progress for name, progress in waiting.items() if progress.action}
    requests = {name: _request(progress) for name, progress in asking.items()}
    batch = state.get("batches", 0) + 1
    evidence, replies = await run.lab.measure([*requests.values()], evidence_of(state), batch)
    known = {item["id"]: item for item in [*evidence_of(state), *evidence]}
    said = {request.asked_by: reply for request, reply in replies}
    updates: dict[str, Document] = {}
    for name, progress in asking.items():
        reply = said[progress.key]
        text = evidence_line(known[reply]) if reply in known else reply
        updates[name] = progress.then(("human", f"Measured: {text}"), action=None).document()
    changed = {item["id"]: item for item in evidence}
    return {"asking": updates, "evidence": changed, "batches": batch}


def _request(progress: Progress) -> Request:
    action = progress.action or {}
    return Request({**action.get("spec", {}), "tool": action["tool"]}, asked_by=progress.key)


def _decision_node(ensemble: Ensemble, ways: Ways) -> Any:
    """Return the node in which rules make a decision of the answers."""

    async def decision(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        run = _run(state, runtime)
        if run.paused or ways.under_way(state):
            return {}
        made = decide(ensemble, state)
        run.journal.note("decided", "decision", value=made)
        await run.journal.flush()
        return {"decision": made}

    return decision
