"""An ensemble compiled into a LangGraph state machine; the only module that knows LangGraph.

One node per (member, role), named `panel[0]@panel_member`. `lab` is a node like any other: a
turn that asks goes there and comes back to itself. A seat that earlier ones lead to is
deferred, and yields while one of them has been entered and is not done. One that can yield
must be deferred: it would keep the deferred seats that it waits for from ever starting.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, cast

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from ensemble.errors import Paused, UsageError
from ensemble.graph.confirmation import confirmation, confirmed
from ensemble.graph.decision import decide
from ensemble.graph.dialogue import Progress
from ensemble.graph.lab_desk import Request
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.state import Document, EnsembleState, StateUpdate, by_key, evidence_of
from ensemble.graph.turn import not_needed, take_turn
from ensemble.graph.ways import BEGIN, DECISION, LAB, Ways, waits_for_person

_OF_ONE_RUN: Final = ("turns", "asking", "entered", "taken", "led")

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
    builder.add_node(BEGIN, _begin_node(ensemble, ways, make_context))
    builder.add_edge(START, BEGIN)
    _lead(builder, ways, BEGIN, ways.first())
    for member, role in ensemble.nodes():
        name = node_name(member.path, role)
        agent = _agent_node(ensemble, member, role, ways)
        builder.add_node(name, agent, defer=ways.may_wait(name))
        _lead(builder, ways, name, ways.reach_of(name))
    for join in ways.joins:
        builder.add_node(join, _join_node(ensemble, join, ways), defer=True)
        _lead(builder, ways, join, ways.reach_of(join))
    builder.add_node(LAB, _lab_node(ways))
    _lead(builder, ways, LAB, ways.nodes)
    builder.add_node(DECISION, _decision_node(ensemble, ways), defer=True)
    _lead(builder, ways, DECISION, [DECISION, END])
    graph = builder.compile(checkpointer=checkpointer, name=ensemble.topology.name)
    return graph.with_config(recursion_limit=ways.most_steps)


def _lead(builder: Any, ways: Ways, name: str, reach: list[str]) -> None:
    def led(state: EnsembleState) -> list[str]:
        return ways.led(name, state)

    builder.add_conditional_edges(name, led, reach)


def _given(runtime: Runtime[RunContext]) -> RunContext | None:
    return cast("RunContext | None", runtime.context)


async def _run(state: _GraphState, runtime: Runtime[RunContext]) -> RunContext:
    run = _given(runtime) or cast("RunContext | None", state.get("own_run"))
    if run is None:
        raise UsageError(
            "a thread that goes on needs the context of its run, which no checkpoint holds",
            where="graph",
            fix="pass `context=`, or invoke with a task again",
        )
    return run


def _begin_node(ensemble: Ensemble, ways: Ways, make_context: ContextMaker) -> Any:
    """Return the node that starts a run; of an earlier one on the same thread nothing stays."""

    async def begin(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        emptied: StateUpdate = {
            name: dict.fromkeys(cast("Document", state.get(name, {}))) for name in _OF_ONE_RUN
        }
        kept = {name: part for name, part in state.items() if name not in _OF_ONE_RUN}
        fresh = cast("EnsembleState", kept)
        entered = ways.onward(BEGIN, fresh)
        update: StateUpdate = {
            name: {**emptied[name], **entered.get(name, {})} for name in _OF_ONE_RUN
        }
        if _given(runtime) is None:
            update["own_run"] = await make_context(ensemble, state.get("task", ""))
        return {**update, "batches": 0}

    return begin


def _agent_node(ensemble: Ensemble, member: Member, role: str, ways: Ways) -> Any:
    """Return the node in which `member` takes its turns in `role`."""
    name = node_name(member.path, role)

    async def agent(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        instead = ways.held_back(name, state)
        if instead is not None:
            return ways.leads(name, *instead)
        run = await _run(state, runtime)
        update = await take_turn(ensemble, member, role, state, run)
        if not update:
            return {**ways.leads(name), "entered": {name: {"paused": True}}}
        if "turns" not in update:
            return {**ways.leads(name, LAB), **update}
        turns = by_key(state.get("turns", {}), update["turns"])
        return {**update, **ways.onward(name, cast("EnsembleState", {**state, "turns": turns}))}

    return agent


def _join_node(ensemble: Ensemble, name: str, ways: Ways) -> Any:
    """Return the node in which a seat of several decides once where to go next."""

    async def join(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        instead = ways.held_back(name, state)
        if instead is not None:
            return ways.leads(name, *instead)
        spared = not_needed(ensemble, ways.spared(name, state), state)
        if not spared:
            return ways.onward(name, state)
        run = await _run(state, runtime)
        paths = [turn.path for turn in spared]
        run.journal.note("ruled", f"{name}/not_needed#0", value=paths, kind="not_needed")
        for turn in spared:
            run.journal.note("turn_ended", turn.key, value=turn.document())
        fresh = {turn.key: turn.document() for turn in spared}
        turns = by_key(state.get("turns", {}), fresh)
        onward = ways.onward(name, cast("EnsembleState", {**state, "turns": turns}))
        return {**onward, "turns": fresh}

    return join


def _lab_node(ways: Ways) -> Any:
    """Return the node that runs what the seats asked for in one step as one batch."""

    async def measure(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        run = await _run(state, runtime)
        waiting = {name: Progress.read(doc) for name, doc in state.get("asking", {}).items()}
        asking = {name: progress for name, progress in waiting.items() if progress.requests}
        requests = {name: _requests(progress) for name, progress in asking.items()}
        batch = state.get("batches", 0) + 1
        known = evidence_of(state)
        every = [request for listed in requests.values() for request in listed]
        evidence, replies = await run.lab.measure(every, known, batch)
        by_id = {item["id"]: item for item in [*known, *evidence]}
        said = {id(request): reply for request, reply in replies}
        updates: dict[str, Document] = {}
        for name, progress in asking.items():
            told = [said[id(request)] for request in requests[name]]
            updates[name] = progress.measured(told, by_id).document()
        changed = {item["id"]: item for item in evidence}
        led = ways.leads(LAB, *asking)
        return {**led, "asking": updates, "evidence": changed, "batches": batch}

    return measure


def _requests(progress: Progress) -> list[Request]:
    return [
        Request({**item.get("spec", {}), "tool": item["tool"]}, asked_by=progress.key)
        for item in progress.requests
    ]


def _decision_node(ensemble: Ensemble, ways: Ways) -> Any:
    """Return the node in which rules make a decision of the answers."""

    async def decision(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        if ways.under_way(state):
            return ways.leads(DECISION, DECISION)
        if waits_for_person(state):
            return ways.leads(DECISION, END)
        run = await _run(state, runtime)
        made = decide(ensemble, state)
        question = confirmation(ensemble, state, made)
        if question is not None:
            try:
                made = confirmed(made, await run.ask_person(question))
            except Paused as pause:
                run.wait_for(pause)
                return ways.leads(DECISION, END)
        run.journal.note("decided", "decision", value=made)
        await run.journal.flush()
        await run.until_decided.aclose()
        return {**ways.leads(DECISION, END), "decision": made}

    return decision
