"""The same panel written three ways: ours, in LangGraph by hand, and in plain asyncio.

Members answer side by side, an auditor reads, a chair decides. All three ask the same client
with prompts of the same size. Those by hand record nothing, lose a seat to no failure and
decide nothing by rule: they are the floor, not rivals.
"""

import asyncio
import json
import operator
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from ensemble.agents.library import load_agents
from ensemble.agents.prompt import Briefing
from ensemble.config import load_settings
from ensemble.graph.compile import compile_graph
from ensemble.graph.lab_desk import LabDesk
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name, seat
from ensemble.journal.file import JournalFile
from ensemble.journal.run_journal import Journal
from ensemble.models.openai_chat import openai_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Form, ModelCall, Provider, Reply
from ensemble.models.wire import Endpoint
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.planning import redactor_for

CANDIDATE: Final = Candidate(
    "stub/m", "stub", "m", available=True, reason="in a benchmark", form=Form.SCHEMA
)
_CHOICES: Final = ("promote", "reject")
_AT_ONCE: Final = 4096
"""The server's own limit is what it can do: the gate must not be what is measured."""

Run = Callable[[str], Awaitable[Any]]
"""Gives the panel a task that holds a token, and returns what it leaves."""


@dataclass(frozen=True)
class Stacks:
    """One panel of so many members, ready to run in each way."""

    ours: Run
    """Returns the run's context, journal and all."""
    by_hand: Run
    """LangGraph by hand; returns its last state."""
    plain: Run
    """asyncio; returns the decision."""


def client(base_url: str) -> Provider:
    """Return the client that all three ask."""
    return openai_chat(Endpoint("stub", base_url))


def a_panel(members: int) -> Ensemble:
    """Seat built-in agents: so many members, an auditor and a chair."""
    library = load_agents()
    experts = ("ml-engineer", "mlops-engineer", "data-scientist", "security-auditor")
    seated = [
        Member("panel", f"panel[{n}]", library[experts[n % len(experts)]]) for n in range(members)
    ]
    seated += [
        Member("auditor", "auditor", library["skeptic"]),
        Member("chair", "chair", library["senior-architect"]),
    ]
    return seat(find_topology("review"), seated, choices=_CHOICES)


async def stacks(members: int, provider: Provider, folder: Path | None = None) -> Stacks:
    """Return the panel in all three ways.

    Args:
        members: beside an auditor and a chair.
        provider: the client.
        folder: where our journals are written, without a sync; None keeps them in memory.
    """
    ensemble = a_panel(members)
    ours = _ours(ensemble, provider, folder)
    asked: dict[str, ModelCall] = {}

    async def remembers(candidate: Candidate, call: ModelCall) -> Reply:
        asked[call.key.partition("/")[0]] = call
        return await provider(candidate, call)

    await _ours(ensemble, remembers, None)("token-9999")
    return Stacks(ours, _by_hand(asked, provider), _plain(asked, provider))


def _ours(ensemble: Ensemble, provider: Provider, folder: Path | None) -> Run:
    chains = {member.path: (CANDIDATE,) for member in ensemble.members}
    policy = Policy(at_once={"stub": _AT_ONCE})
    redactor = redactor_for(load_settings())

    async def given(_: Ensemble, __: str) -> RunContext:
        raise AssertionError  # every run below brings its own

    graph = compile_graph(ensemble, make_context=given)

    async def run(token: str) -> RunContext:
        file = JournalFile.create(folder / token, token, synced=False) if folder else None
        journal = Journal(token, file=file, redactor=redactor)
        context = RunContext(
            journal=journal,
            briefing=Briefing(_task(token), _CHOICES),
            chains=chains,
            providers={"stub": provider},
            lab=LabDesk(journal),
            policy=policy,
        )
        await graph.ainvoke({"task": _task(token)}, context=context)
        journal.close()
        return context

    return run


class _State(TypedDict, total=False):
    token: str
    answers: Annotated[list[dict[str, Any]], operator.add]
    decision: dict[str, Any]


def _by_hand(asked: Mapping[str, ModelCall], provider: Provider) -> Run:
    builder: Any = StateGraph(_State)
    members = [path for path in asked if path.startswith("panel")]

    def member(path: str) -> Any:
        async def answer(state: _State) -> _State:
            return {"answers": [await _answer(provider, asked[path], state.get("token", ""))]}

        return answer

    async def decide(state: _State) -> _State:
        return {"decision": await _answer(provider, asked["chair"], state.get("token", ""))}

    for path in members:
        builder.add_node(node_name(path, "panel_member"), member(path))
        builder.add_edge(START, node_name(path, "panel_member"))
    builder.add_node("auditor", member("auditor"))
    builder.add_edge([node_name(path, "panel_member") for path in members], "auditor")
    builder.add_node("chair", decide)
    builder.add_edge("auditor", "chair")
    builder.add_edge("chair", END)
    graph = builder.compile()

    async def run(token: str) -> Any:
        return await graph.ainvoke({"token": token})

    return run


def _plain(asked: Mapping[str, ModelCall], provider: Provider) -> Run:
    async def run(token: str) -> Any:
        members = [call for path, call in asked.items() if path.startswith("panel")]
        await asyncio.gather(*(_answer(provider, call, token) for call in members))
        await _answer(provider, asked["auditor"], token)
        return await _answer(provider, asked["chair"], token)

    return run


async def _answer(provider: Provider, call: ModelCall, token: str) -> dict[str, Any]:
    _, *rest = call.messages
    asked = replace(call, messages=(HumanMessage(token), *rest))
    answer: dict[str, Any] = json.loads((await provider(CANDIDATE, asked)).text)
    return answer


def _task(token: str) -> str:
    return f"May the model of {token} be promoted?"
