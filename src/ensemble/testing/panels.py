"""A whole panel in memory, for tests of topologies: agents, seats, a script, a lab, one run.

Nothing is read from disk, nobody is called: agents are made from their frontmatter, models
speak a script, the lab answers by a function. Has never heard of scenarios or of networks.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ensemble.agents.library import Agent
from ensemble.agents.markdown import read_body
from ensemble.agents.prompt import Briefing
from ensemble.agents.spec import AgentSpec
from ensemble.answers.answer import Answer
from ensemble.canonical import canonical
from ensemble.graph.lab_desk import LabDesk
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.seating import Ensemble, Member, Rules, seat
from ensemble.graph.state import Turn
from ensemble.graph.topology import Topology
from ensemble.journal.run_journal import Journal
from ensemble.journal.turn_key import TurnKey, place_of
from ensemble.lab.specs import Spec, spec_hash
from ensemble.models.provider import Candidate, Provider

TASK = "May this be promoted?"

Held = Agent | int | Sequence[Agent]
"""Who holds a seat: one agent, several, or a number of agents made for it."""


def an_agent(name: str = "expert", *, body: str = "", **frontmatter: Any) -> Agent:
    """Return an agent as its file would give it.

    Args:
        name: its name.
        body: the Markdown below the frontmatter.
        frontmatter: further fields, in any shape that a file may give them.
    """
    given = {"name": name, "tools": {"audit": "Read, Grep"}, **frontmatter}
    written = canonical({"frontmatter": given, "body": body})
    sha256 = hashlib.sha256(written).hexdigest()
    return Agent(AgentSpec.model_validate(given), read_body(body), f"{name}.md", sha256)


def an_ensemble(
    topology: Topology,
    cast: Mapping[str, Held] | None = None,
    *,
    choices: Sequence[str] = ("promote", "reject"),
    rules: Rules | None = None,
    tools: Sequence[str] = (),
) -> Ensemble:
    """Seat a topology; a seat that `cast` leaves out is held by one agent of its own name.

    Args:
        topology: seats and edges.
        cast: seat to who holds it.
        choices: positions to choose from.
        rules: how the decision is made.
        tools: lab tools that seats may ask for.
    """
    members: list[Member] = []
    for name in topology.seats:
        held = (cast or {}).get(name, an_agent(name.replace("_", "-")))
        if isinstance(held, Agent):
            members.append(Member(name, name, held))
            continue
        several = _made(name, held) if isinstance(held, int) else held
        members += [Member(name, f"{name}[{n}]", agent) for n, agent in enumerate(several)]
    return seat(topology, members, choices=choices, rules=rules, tools=tools)


def scripted_context(
    ensemble: Ensemble,
    provider: Provider,
    *,
    journal: Journal | None = None,
    lab: "ScriptedLab | None" = None,
    limits: Limits | None = None,
    models: Mapping[str, Sequence[Candidate]] | None = None,
    seed: int = 7,
) -> RunContext:
    """Return the context of a run in which every model speaks a script.

    Args:
        ensemble: who is seated.
        provider: what answers, such as `scripted(…)`; asked as provider `scripted`.
        journal: the run's journal; None keeps a new one in memory.
        lab: what measures.
        limits: of the run.
        models: seat path to its chain; left out, each seat has one model of its own.
        seed: draws the order of anonymous answers.
    """
    journal = journal or Journal("r-scripted")
    chains = {m.path: (a_candidate(m.path),) for m in ensemble.members}
    chains |= {path: tuple(chain) for path, chain in (models or {}).items()}
    limits = limits or Limits()
    return RunContext(
        journal=journal,
        briefing=Briefing(TASK, ensemble.choices),
        chains=chains,
        providers={"scripted": provider},
        lab=LabDesk(journal, lab, limits.lab_s),
        limits=limits,
        seed=seed,
    )


def a_candidate(model: str, **changes: Any) -> Candidate:
    """Return a model of the provider `scripted` that can be asked."""
    candidate = Candidate(model, "scripted", model, available=True, reason="in a script")
    return replace(candidate, **changes)


async def play(ensemble: Ensemble, run: RunContext, *, task: str = TASK) -> dict[str, Any]:
    """Run the ensemble to its end in LangGraph and return the last state."""
    from ensemble.graph.compile import compile_graph

    async def this_run(_: Ensemble, __: str) -> RunContext:
        return run

    graph = compile_graph(ensemble, make_context=this_run)
    state: dict[str, Any] = await graph.ainvoke({"task": task}, context=run)
    return state


def turns_begun(run: RunContext) -> list[str]:
    """Return the keys of the turns that have begun, in the order in which they did."""
    return [event.key for event in run.journal.events if event.event == "turn_started"]


def a_state(*turns: Turn, evidence: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return a graph's state in which these turns are finished, for rules and conditions."""
    return {
        "task": TASK,
        "turns": {turn.key: turn.document() for turn in turns},
        "evidence": {item["id"]: dict(item) for item in evidence},
    }


def a_turn(
    path: str,
    role: str = "panel_member",
    answer: Mapping[str, Any] | None = None,
    *,
    occurrence: int = 0,
    **changes: Any,
) -> Turn:
    """Return a finished turn.

    Args:
        path: the seat's path.
        role: the role it was taken in.
        answer: what was answered, as `an_answer` makes it; None is a lost seat.
        occurrence: how often the path had been entered in the role before.
        changes: further fields of the `Turn`, such as `rank` or `truncated`.
    """
    given = Answer.model_validate(dict(answer)).model_dump(mode="json") if answer else None
    seat_name = place_of(path).seat
    turn = Turn(
        key=str(TurnKey(path, role, occurrence)),
        seat=seat_name,
        path=path,
        rank=0,
        occurrence=occurrence,
        agent=f"agent-of-{path}",
        version="1.0.0",
        sha256="0" * 64,
        role=role,
        round=occurrence + (role == "advisee"),
        step=occurrence + (role == "advisee"),
        mode="evaluative",
        tool_mode="audit",
        status="answered" if answer else "failed",
        served=f"scripted/{path}" if answer else None,
        answer=given,
    )
    return replace(turn, **changes)


def an_evidence(
    name: str = "L1", *, asked_by: str = "lab.before", **gates: bool | None
) -> dict[str, Any]:
    """Return a piece of evidence; each gate passed, failed, or (None) was not settled."""
    return {
        "id": name,
        "name": name,
        "hash": name,
        "asked_by": [asked_by],
        "tool": "check_data",
        "spec": {"dataset": "digits"},
        "status": "ok",
        "value": {},
        "gates": [
            {"name": gate, "threshold": 0.0, "value": float(passed is False), "passed": passed}
            for gate, passed in gates.items()
        ],
        "cached": False,
    }


def an_answer(position: str | None = None, result: str = "sound", **parts: Any) -> dict[str, Any]:
    """Return an answer as a model would send it in JSON.

    Args:
        position: one of the choices.
        result: what was found.
        parts: further fields of an `Answer`, such as `findings`, `claims` or `confidence`.
    """
    return {"result": result, "confidence": "high", "position": position, **parts}


def a_finding(severity: str = "CRITICAL", title: str = "a leak") -> dict[str, Any]:
    """Return an audit item as a model would raise it in JSON."""
    return {"severity": severity, "title": title, "location": "train.py:17"}


def a_request(tool: str = "check_data", **spec: Any) -> dict[str, Any]:
    """Return what a model sends to have something measured before it answers."""
    spec = {"dataset": "digits", **spec} if tool in ("check_data", "train") else spec
    return {"action": {"tool": tool, "spec": spec}}


@dataclass
class ScriptedLab:
    """A lab that measures by a function, and remembers what it was asked."""

    measured: Callable[[Spec], Mapping[str, float]] = field(default=lambda _: {})
    """Metric to value for a spec; what the spec gates and this leaves out is inconclusive."""
    asked: list[Spec] = field(default_factory=list[Spec])

    async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
        """Return the result document of `spec`.

        Args:
            spec: what is measured.
            of: the cache key of the result that `spec.of` names.
        """
        self.asked.append(spec)
        values = dict(self.measured(spec))
        return {
            "tool": spec.tool,
            "spec": spec.model_dump(mode="json"),
            "status": "ok",
            "value": values,
            "gates": [_gate(spec, name, values.get(name)) for name in spec.gate],
            "passport": {"device": "script", "wall_s": 0.0},
            "cached": False,
            "age_s": 0.0,
            "cache_key": f"sha256:{spec_hash(spec)}{of or ''}",
            "artifacts": {},
            "error": None,
        }


def _made(seat_name: str, number: int) -> list[Agent]:
    return [an_agent(f"{seat_name.replace('_', '-')}-{n}") for n in range(number)]


def _gate(spec: Spec, name: str, value: float | None) -> dict[str, Any]:
    threshold = spec.gate[name]
    passed = None
    if value is not None:
        passed = value <= threshold if name in spec.at_most else value >= threshold
    return {"name": name, "threshold": threshold, "value": value, "passed": passed}
