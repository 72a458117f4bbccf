"""Who sits where: a topology with an agent cast for every seat and role.

Made once, before anything runs; every fault of the cast is found here. Seats keep their
names: `panel[2]` stays `panel[2]` whoever else sits there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ensemble.agents.casting import Casting, cast
from ensemble.agents.library import Agent
from ensemble.agents.prompt import Standing, escalates
from ensemble.answers.answer import Wanted
from ensemble.errors import EnsembleError, InvalidFile, closest, raise_all
from ensemble.graph.soundness import GraphFault
from ensemble.graph.topology import END, Topology
from ensemble.lab.specs import form_of
from ensemble.roles import Role


@dataclass(frozen=True)
class Member:
    """One agent in one place."""

    seat: str
    path: str
    """`panel[0]`, or just `chair` where one agent holds the seat by itself."""
    agent: Agent
    mode: str | None = None
    """Overrides the cognitive mode."""
    tool_mode: str | None = None
    """Overrides the tool mode."""
    where: str = "cast"
    """File and line that seat it, for errors."""


@dataclass(frozen=True)
class Rules:
    """How a decision is made of the answers."""

    rule: str = "chair"
    """chair, majority, weighted or unanimous."""
    quorum: int = 1
    """How many of those who vote must have answered."""
    on_gate_failed: str | None = None
    """The position that a failed gate fixes."""
    ask_in: tuple[int, ...] = ()
    """Waves in which a panel is asked; later ones only while the outcome can still change."""
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seat path or agent name to its vote's weight, for `weighted`; 1 where not named."""


@dataclass(frozen=True)
class Ensemble:
    """A topology with its cast and rules: all that a graph is compiled from."""

    topology: Topology
    members: tuple[Member, ...]
    choices: tuple[str, ...] = ()
    rules: Rules = Rules()
    tools: tuple[str, ...] = ()
    """Lab tools that seats may ask for."""
    castings: Mapping[tuple[str, str], Casting] = field(
        default_factory=dict[tuple[str, str], Casting]
    )
    """(path, role) to the agent cast in it."""

    def at(self, seat: str) -> tuple[Member, ...]:
        """Return the members of a seat, in order."""
        return self._at.get(seat, ())

    @cached_property
    def _at(self) -> Mapping[str, tuple[Member, ...]]:
        seats = dict.fromkeys(member.seat for member in self.members)
        return {seat: tuple(m for m in self.members if m.seat == seat) for seat in seats}

    @cached_property
    def agents(self) -> frozenset[str]:
        """Names of the agents that hold its seats."""
        return frozenset(member.agent.name for member in self.members)

    def rank(self, seat: str) -> int:
        """Return the seat's place in the topology."""
        return self.topology.seats.index(seat)

    def nodes(self) -> tuple[tuple[Member, str], ...]:
        """Return every (member, role) that can take a turn: one graph node each."""
        entries = self.topology.entries()
        return tuple((member, role) for seat, role in entries for member in self.at(seat))

    def standing(self, member: Member) -> Standing:
        """Return where the member's turn stands among the others."""
        readers = [
            f"the {edge.role or 'next'} ({target})".replace("_", " ")
            for edge in self.topology.out_of(member.seat)
            for target in edge.targets
            if target != END
        ]
        return Standing(tuple(dict.fromkeys(readers)), alone=len(self.at(member.seat)) == 1)

    def wanted(self, casting: Casting, findings: Sequence[str]) -> Wanted:
        """Return what a turn's answer must hold, given the ids of the findings so far."""
        return wanted_of(casting, choices=self.choices, findings=findings, tools=self.tools)


def wanted_of(
    casting: Casting,
    *,
    choices: Sequence[str] = (),
    findings: Sequence[str] = (),
    tools: Sequence[str] = (),
) -> Wanted:
    """Return what an answer in this role must hold.

    Args:
        casting: the agent in its role.
        choices: positions to choose from.
        findings: ids of the findings so far.
        tools: lab tools that seats may ask for.
    """
    decides = casting.role == Role.DECISION_MAKER
    return Wanted(
        choices=tuple(choices) if casting.defaults.takes_position else (),
        findings=casting.audits and not decides,
        dispositions=tuple(findings) if decides else (),
        claims=decides,
        escalates=escalates(casting),
        tools=tuple(tools) if casting.tool_mode else (),
        forms=tuple(form_of(tool) for tool in tools) if casting.tool_mode else (),
    )


def node_name(path: str, role: str) -> str:
    """Return the graph node's name: `panel[0]@panel_member`."""
    return f"{path}@{role}"


def seat(
    topology: Topology,
    members: Sequence[Member],
    *,
    choices: Sequence[str] = (),
    rules: Rules | None = None,
    tools: Sequence[str] = (),
    where: str = "cast",
) -> Ensemble:
    """Seat the members and cast each in every role of its seat.

    Raises:
        GraphFault: a seat is empty or unknown, or an agent knows neither role nor mode
            (`Faults` for several).
    """
    seats = topology.seats
    faults: list[EnsembleError] = [
        GraphFault(
            "G011",
            f"graph {topology.name!r} has no seat {member.seat!r}",
            where=member.where,
            fix=closest(member.seat, seats, kind="seat"),
        )
        for member in members
        if member.seat not in seats
    ]
    castings: dict[tuple[str, str], Casting] = {}
    for name, role in topology.entries():
        held = [member for member in members if member.seat == name]
        if not held:
            problem = f"nobody sits at {name!r} (as {role}) of graph {topology.name!r}"
            fix = f"add `{name}: AGENT` to the cast"
            faults.append(GraphFault("G011", problem, where=where, fix=fix))
        for member in held:
            try:
                castings[member.path, role] = cast(
                    member.agent,
                    role,
                    mode=member.mode,
                    tool_mode=member.tool_mode,
                    where=member.where,
                )
            except InvalidFile as fault:
                faults.append(GraphFault("G012", fault.problem, where=fault.where, fix=fault.fix))
    raise_all(list({str(fault): fault for fault in faults}.values()))
    rules = rules or Rules()
    return Ensemble(topology, tuple(members), tuple(choices), rules, tuple(tools), castings)
