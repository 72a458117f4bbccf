"""Whether a cast fits its graph: who decides, votes, audits and hands over, before any call.

Every fault has a stable code, and all are told at once. Has never heard of models or files.
"""

from collections.abc import Iterator

from ensemble.graph.confirmation import CONFIRM, REFUSE
from ensemble.graph.escalation import resolved
from ensemble.graph.seating import Ensemble, Member
from ensemble.graph.soundness import GraphFault, networkx, ways_of
from ensemble.graph.state import takes_position
from ensemble.graph.tool_proof import violations
from ensemble.roles import Role


def misfits(ensemble: Ensemble, *, where: str = "rules") -> list[GraphFault]:
    """Return everything that is wrong with how an ensemble is cast.

    Args:
        ensemble: a sound topology with its cast and rules.
        where: file and line of the rules.
    """
    return [
        *_several_deciders(ensemble),
        *_unreachable_quorum(ensemble, where),
        *_waves_that_do_not_fit(ensemble, where),
        *_reserved_choices(ensemble, where),
        *_auditors_of_themselves(ensemble),
        *_escalation_circles(ensemble),
        *violations(ensemble),
    ]


def voters_at_most(ensemble: Ensemble) -> int:
    """Return how many members can vote: a panel's, else all who take a position and not decide."""
    panel = {member.path for member, role in ensemble.nodes() if role == Role.PANEL_MEMBER}
    taking = [member for member, role in ensemble.nodes() if takes_position(role)]
    decider = ensemble.topology.decider()
    others = {member.path for member in taking if member.seat != decider}
    return len(panel or others or {member.path for member in taking})


def _several_deciders(ensemble: Ensemble) -> Iterator[GraphFault]:
    decider = ensemble.topology.decider()
    held = ensemble.at(decider) if decider else ()
    if len(held) > 1:
        yield GraphFault(
            "G013",
            f"{len(held)} agents hold {decider!r}, the seat that decides",
            where=held[1].where,
            fix=f"seat one there; several vote as {Role.PANEL_MEMBER}",
        )


def _unreachable_quorum(ensemble: Ensemble, where: str) -> Iterator[GraphFault]:
    quorum, voters = ensemble.rules.quorum, voters_at_most(ensemble)
    if quorum > voters:
        problem = f"the quorum is {quorum}, but {voters} vote"
        yield GraphFault("G014", problem, where=where, fix=f"ask for at most {voters}")


def _waves_that_do_not_fit(ensemble: Ensemble, where: str) -> Iterator[GraphFault]:
    waves = ensemble.rules.ask_in
    entries = ensemble.topology.entries()
    panels = {seat: len(ensemble.at(seat)) for seat, role in entries if role == Role.PANEL_MEMBER}
    if waves and ensemble.rules.rule == "chair":
        problem = "a chair may decide otherwise than those who were asked, so all are"
        fix = "set `rule: majority`, or leave `ask_in` out"
        yield GraphFault("G018", problem, where=where, fix=fix)
    elif waves and sum(waves) not in panels.values():
        held = ", ".join(f"{seat} has {number}" for seat, number in panels.items())
        problem = f"the waves of `ask_in` ask {sum(waves)} members"
        fix = f"make their sum a panel's: {held or 'there is none'}"
        yield GraphFault("G018", problem, where=where, fix=fix)


def _reserved_choices(ensemble: Ensemble, where: str) -> Iterator[GraphFault]:
    for choice in ensemble.choices:
        if choice in (CONFIRM, REFUSE):
            problem = f"the choice {choice!r} is what a person says of a decision"
            yield GraphFault("G020", problem, where=where, fix="name it otherwise")


def _auditors_of_themselves(ensemble: Ensemble) -> Iterator[GraphFault]:
    for member, role in ensemble.nodes():
        if role == Role.AUDITOR and not _answers_of_others(ensemble, member):
            problem = f"{member.path} would audit {member.agent.name}, which is itself"
            fix = "seat another agent as auditor, or a further one before it"
            yield GraphFault("G015", problem, where=member.where, fix=fix)


def _answers_of_others(ensemble: Ensemble, auditor: Member) -> bool:
    """Return whether another agent can have answered before `auditor` is entered."""
    nx, graph = networkx(), ways_of(ensemble.topology)
    before: set[str] = set(graph.predecessors(auditor.seat))
    before = before.union(*(nx.ancestors(graph, seat) for seat in before))
    return any(
        member.seat in before and role != Role.AUDITOR and member.agent.name != auditor.agent.name
        for member, role in ensemble.nodes()
    )


def _escalation_circles(ensemble: Ensemble) -> Iterator[GraphFault]:
    """Yield the circles of first choices among those seated; one that names a person ends."""
    nx = networkx()
    seated = {m.agent.name: m for m in ensemble.members if not m.agent.is_person}
    hands_over = nx.DiGraph()
    for name, member in seated.items():
        first = resolved(member.agent.spec.escalation.targets, seated)
        if first in seated:
            hands_over.add_edge(name, first)
    for circle in nx.simple_cycles(hands_over):
        named: list[str] = circle[circle.index(min(circle)) :] + circle[: circle.index(min(circle))]
        yield GraphFault(
            "G016",
            f"escalation goes in a circle: {' → '.join([*named, named[0]])}",
            where=seated[named[0]].where,
            fix="let the most senior of them escalate to human",
        )
