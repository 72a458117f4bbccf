"""An ensemble compiled into a LangGraph state machine; the only module that knows LangGraph.

One node per (member, role), named `panel[0]@panel_member`. `lab` is a node like any other: a
turn that asks goes there and comes back to itself. A seat that earlier ones lead to is
deferred, and yields while one of them has been entered and is not done. One that can yield
must be deferred: it would keep the deferred seats that it waits for from ever starting.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, cast

from langgraph.channels import UntrackedValue
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ensemble.errors import Paused, UsageError
from ensemble.graph.blocking import Blocking
from ensemble.graph.confirmation import confirmation, confirmed
from ensemble.graph.decision import decide
from ensemble.graph.dialogue import Progress
from ensemble.graph.lab_desk import Request
from ensemble.graph.person import Question, all_paused, nobody
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.state import (
    Asked,
    Document,
    EnsembleState,
    StateUpdate,
    by_key,
    evidence_of,
    is_measured_before,
)
from ensemble.graph.turn import not_needed, take_turn
from ensemble.graph.walk import edges_taken
from ensemble.graph.ways import BEGIN, DECISION, LAB, Ways, pausing, waits_for_person

_OF_ONE_RUN: Final = ("turns", "asking", "entered", "taken")

ContextMaker = Callable[[Ensemble, str], Awaitable[RunContext]]
"""Makes the context of an `invoke` that brings none, from the ensemble and the task."""


class _GraphState(EnsembleState, total=False):
    own_run: Annotated[Any, UntrackedValue(object)]
    """The context of an invocation that brought none; no checkpointer sees it."""


class _Compiled(Blocking, CompiledStateGraph[Any, Any, Any, Any]):
    """LangGraph's own compiled graph, which code that is not async can call as well."""


def compile_graph(
    ensemble: Ensemble,
    *,
    make_context: ContextMaker,
    checkpointer: Any = None,
    store: Any = None,
) -> Any:
    """Compile the ensemble.

    Args:
        ensemble: topology, cast and rules.
        make_context: makes a run's context where a caller invokes without one.
        checkpointer: any LangGraph checkpointer; the journal needs none.
        store: any LangGraph store; it is handed on, nothing here reads it.

    Returns:
        A LangGraph `CompiledStateGraph`: input `{"task": …}`, and `decision` in its output.
    """
    # Without a context schema, because a run's context is no JSON that a server could ask for.
    builder: Any = StateGraph(_GraphState, input_schema=Asked, output_schema=EnsembleState)
    ways = Ways(ensemble)
    runs = _Runs(ensemble, make_context, checkpoints=checkpointer is not None)
    _add(builder, runs, BEGIN, _begin_node(ways, runs), ways.first())
    builder.add_edge(START, BEGIN)
    for member, role in ensemble.nodes():
        name = node_name(member.path, role)
        agent = _agent_node(ensemble, member, role, ways, runs)
        _add(builder, runs, name, agent, _reach(ensemble, ways, name), defer=ways.may_wait(name))
    for join in ways.joins:
        node = _join_node(ensemble, join, ways, runs)
        _add(builder, runs, join, node, _reach(ensemble, ways, join), defer=True)
    if ensemble.tools:
        _add(builder, runs, LAB, _lab_node(ways, runs), ways.nodes)
    _add(builder, runs, DECISION, _decision_node(ensemble, ways, runs), [END], defer=True)
    graph = builder.compile(checkpointer=checkpointer, store=store, name=ensemble.topology.name)
    made = graph.with_config(recursion_limit=ways.most_steps)
    return cast("Any", _Compiled)(**vars(made))


def _add(
    builder: Any, runs: "_Runs", name: str, node: Any, reach: Sequence[str], *, defer: bool = False
) -> None:
    """Add a node that goes where its update says that it leads; its edges show the roles."""

    async def going(state: _GraphState, runtime: Runtime[RunContext]) -> Any:
        try:
            update: StateUpdate = await node(state, runtime)
        except GraphBubbleUp:  # an interrupt: the thread will go on
            raise
        except BaseException:
            await runs.broken_off(state, runtime)
            raise
        leads: list[str] = update.pop("led")[name]
        return Command(update=update, goto=leads)

    roles = {target: target.partition("@")[2] or None for target in reach}
    builder.add_node(name, going, defer=defer, destinations=roles)


def _reach(ensemble: Ensemble, ways: Ways, name: str) -> list[str]:
    """Return the nodes that a picture shows a way to: not back to itself, no lab without tools."""
    hidden = {name} if ensemble.tools else {name, LAB}
    return [target for target in ways.reach_of(name) if target not in hidden]


def _given(runtime: Runtime[RunContext]) -> RunContext | None:
    """Return the run's context, if this graph was given it: a graph around it has its own."""
    context: Any = runtime.context
    return context if isinstance(context, RunContext) else None


class _Runs:
    """Where a node finds the run that it takes part in.

    The caller gives it as context; else the invocation has made one of its own. A thread that
    goes on from a checkpoint, which holds none, finds its run here until it has decided; in
    another process one is made again: what was answered before stands in the state.
    """

    def __init__(self, ensemble: Ensemble, make: ContextMaker, *, checkpoints: bool) -> None:
        self._ensemble = ensemble
        self._make = make
        self._checkpoints = checkpoints
        self._of_thread: dict[str, RunContext] = {}

    async def made(self, state: _GraphState) -> RunContext:
        """Return a new run; where a checkpointer can hold the thread, a person interrupts it."""
        run = await self._make(self._ensemble, state.get("task", ""))
        if self._checkpoints or _is_checkpointed():
            self._of_thread[_thread()] = run
            if run.person is nobody:
                run.person = _by_interrupt
        return run

    async def of(self, state: _GraphState, runtime: Runtime[RunContext]) -> RunContext:
        """Return the run of a node's state."""
        run = _given(runtime) or cast("RunContext | None", state.get("own_run"))
        return run or self._of_thread.get(_thread()) or await self.made(state)

    async def ended(self, run: RunContext) -> None:
        """Let go of a run that has decided, and of what it kept open."""
        self._of_thread.pop(_thread(), None)
        await run.until_decided.aclose()

    async def broken_off(self, state: _GraphState, runtime: Runtime[RunContext]) -> None:
        """Let go of a run that the invocation made itself, when a node of it raises."""
        if _given(runtime) is None and (own := state.get("own_run")) is not None:
            await self.ended(cast("RunContext", own))


def _thread() -> str:
    """Return the thread, and where in the graphs around this one it runs."""
    told = get_config().get("configurable", {})
    return f"{told.get('thread_id')} {str(told.get('checkpoint_ns', '')).rpartition('|')[0]}"


def _is_checkpointed() -> bool:
    """Return whether a graph around this one has a checkpointer."""
    return get_config().get("configurable", {}).get("__pregel_checkpointer") is not None


async def _by_interrupt(question: Question) -> str:
    """Ask by LangGraph's own means; the answer is what `Command(resume=…)` brings."""
    return str(interrupt({"key": question.key, **question.document()}))


def _begin_node(ways: Ways, runs: _Runs) -> Any:
    """Return the node that starts a run; of an earlier one on the same thread nothing stays."""

    async def begin(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        emptied: StateUpdate = {
            name: dict.fromkeys(cast("Document", state.get(name, {}))) for name in _OF_ONE_RUN
        }
        kept = {name: part for name, part in state.items() if name not in _OF_ONE_RUN}
        fresh = cast("EnsembleState", kept)
        if not str(state.get("task", "")).strip():
            raise UsageError("there is no task", where="graph", fix='invoke with `{"task": "…"}`')
        entered = ways.onward(BEGIN, fresh)
        update: StateUpdate = {
            name: {**emptied[name], **entered.get(name, {})} for name in _OF_ONE_RUN
        }
        update["evidence"] = {
            item["id"]: None for item in evidence_of(state) if not is_measured_before(item)
        }
        if "decision" in state:
            update["decision"] = None
        if _given(runtime) is None:
            update["own_run"] = await runs.made(state)
        return {**update, "batches": 0, "led": entered["led"]}

    return begin


def _agent_node(ensemble: Ensemble, member: Member, role: str, ways: Ways, runs: _Runs) -> Any:
    """Return the node in which `member` takes its turns in `role`."""
    name = node_name(member.path, role)

    async def agent(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        instead = ways.held_back(name, state)
        if instead is not None:
            return ways.leads(name, *instead)
        tell = runtime.stream_writer
        if name not in state.get("asking", {}):
            tell({"event": "turn_started", "node": name, "agent": member.agent.name})
        update = await take_turn(ensemble, member, role, state, await runs.of(state, runtime))
        if not update:
            tell({"event": "paused", "node": name})
            return {**ways.leads(name, DECISION), **pausing(name)}
        if "turns" not in update:
            return {**ways.leads(name, LAB), **update}
        for turn in update["turns"].values():
            tell(_ended(name, turn))
        turns = by_key(state.get("turns", {}), update["turns"])
        return {**update, **ways.onward(name, cast("EnsembleState", {**state, "turns": turns}))}

    return agent


def _ended(name: str, turn: Document) -> Document:
    """Return a finished turn as those who stream `custom` are told of it."""
    answer: Document = turn["answer"] or {}
    return {
        "event": "turn_ended",
        "node": name,
        "status": turn["status"],
        "position": answer.get("position"),
        "confidence": answer.get("confidence"),
        "served": turn["served"],
    }


def _join_node(ensemble: Ensemble, name: str, ways: Ways, runs: _Runs) -> Any:
    """Return the node in which a seat of several decides once where to go next."""

    async def join(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        instead = ways.held_back(name, state)
        if instead is not None:
            return ways.leads(name, *instead)
        spared = not_needed(ensemble, ways.spared(name, state), state)
        if not spared:
            return ways.onward(name, state)
        run = await runs.of(state, runtime)
        paths = [turn.path for turn in spared]
        run.journal.note("ruled", f"{name}/not_needed#0", value=paths, kind="not_needed")
        for turn in spared:
            run.journal.note("turn_ended", turn.key, value=turn.document())
        fresh = {turn.key: turn.document() for turn in spared}
        turns = by_key(state.get("turns", {}), fresh)
        onward = ways.onward(name, cast("EnsembleState", {**state, "turns": turns}))
        return {**onward, "turns": fresh}

    return join


def _lab_node(ways: Ways, runs: _Runs) -> Any:
    """Return the node that runs what the seats asked for in one step as one batch."""

    async def measure(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        run = await runs.of(state, runtime)
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
        for item in evidence:
            shown = {key: item[key] for key in ("id", "tool", "status", "gates")}
            runtime.stream_writer({"event": "lab_returned", **shown})
        return {
            **ways.leads(LAB, *asking),
            "asking": updates,
            "evidence": changed,
            "batches": batch,
        }

    return measure


def _requests(progress: Progress) -> list[Request]:
    return [
        Request({**item.get("spec", {}), "tool": item["tool"]}, asked_by=progress.key)
        for item in progress.requests
    ]


def _decision_node(ensemble: Ensemble, ways: Ways, runs: _Runs) -> Any:
    """Return the node in which rules make a decision of the answers."""

    async def decision(state: _GraphState, runtime: Runtime[RunContext]) -> StateUpdate:
        if ways.under_way(state):
            return ways.leads(DECISION, DECISION)
        run = await runs.of(state, runtime)
        if waits_for_person(state):
            return _paused(run, ways, runtime)
        made = decide(ensemble, state)
        question = confirmation(ensemble, state, made)
        if question is not None:
            try:
                made = confirmed(made, await run.ask_person(question))
            except Paused as pause:
                run.wait_for(pause)
                return _paused(run, ways, runtime)
        taken = edges_taken(ensemble.topology, state.get("taken", {}))
        run.journal.note("decided", "decision", value={**made, "taken": taken})
        await run.journal.flush()
        position = made["decision"]["position"]
        told = {"event": "decided", "authority": made["authority"], "position": position}
        runtime.stream_writer(told)
        await runs.ended(run)
        return {**ways.leads(DECISION, END), "decision": made}

    return decision


def _paused(run: RunContext, ways: Ways, runtime: Runtime[RunContext]) -> StateUpdate:
    """Return the last update of a run in which a person is waited for.

    Raises:
        Paused: the invocation made the run itself, so that nobody else would say so.
    """
    if _given(runtime) is None:
        raise all_paused(run.paused)
    return ways.leads(DECISION, END)
