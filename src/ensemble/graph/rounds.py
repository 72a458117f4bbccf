"""How often a seat can be entered: a topology's loops counted before anything runs.

Without loops every seat waits for all that lead to it, so it is entered once in each role. Only
an edge that leads back can have it entered again, with all that the edge leads to. Pure data in,
numbers out; has never heard of agents or models.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ensemble.graph.topology import END, START, Edge, Topology

UNBOUNDED: Final = 100
"""How often a loop without a bound is counted; a sound topology has none."""

LeadsTo = Mapping[str, set[str]]
"""Each seat's later seats, ways back left out; START is one of the seats."""


@dataclass(frozen=True)
class Entry:
    """A seat entered in a role where nothing goes wrong."""

    seat: str
    role: str
    level: int
    """How many turns one after another it takes up to the end of this one."""


def entries_at_most(topology: Topology, leads_to: LeadsTo) -> dict[tuple[str, str], int]:
    """Return (seat, role) to how often it can be entered, whatever the conditions say."""
    rounds = {seat: 1 + _times_back_before(topology, leads_to, seat) for seat in topology.seats}

    def taken(edge: Edge) -> int:
        leaves = 1
        if edge.source != START:
            # A turn that goes back is one that does not go on.
            others = [e for e in topology.out_of(edge.source) if e is not edge]
            back = sum(_bound(e) for e in others if _back(e, leads_to))
            leaves = rounds[edge.source] * len(topology.roles_of(edge.source)) - back
        return leaves if edge.at_most is None else min(leaves, edge.at_most)

    return {
        (seat, role): min(
            rounds[seat],
            sum(taken(e) for e in topology.edges if seat in e.targets and e.role == role),
        )
        for seat, role in topology.entries()
    }


def ways_back(topology: Topology, leads_to: LeadsTo) -> Iterator[tuple[int, str]]:
    """Yield how often an edge may lead back, and to which seat."""
    for edge in topology.edges:
        for target in _back(edge, leads_to):
            yield _bound(edge), target


def usual_entries(topology: Topology, leads_to: LeadsTo) -> list[Entry]:
    """Return who is entered along the edges that hang on no condition, in order."""
    entered: list[Entry] = []
    taken: Counter[Edge] = Counter()
    waiting: dict[str, dict[str, int]] = {START: {}}
    while waiting:
        seat = next(s for s in waiting if not any(s in leads_to[other] for other in waiting))
        done = [Entry(seat, role, level) for role, level in waiting.pop(seat).items()]
        entered += done
        level = max((entry.level for entry in done), default=0)
        for edge in topology.out_of(seat):
            if edge.when or taken[edge] >= (edge.at_most or UNBOUNDED):
                continue
            taken[edge] += 1
            for target in edge.targets:
                if target != END:
                    roles = waiting.setdefault(target, {})
                    roles[str(edge.role)] = max(level + 1, roles.get(str(edge.role), 0))
            break
    return entered


def _times_back_before(topology: Topology, leads_to: LeadsTo, seat: str) -> int:
    """Return how often an edge can lead back to a seat, or to one before it."""
    return sum(
        _bound(edge)
        for edge in topology.edges
        if any(seat == target or seat in leads_to[target] for target in _back(edge, leads_to))
    )


def _back(edge: Edge, leads_to: LeadsTo) -> list[str]:
    """Return the seats that an edge leads back to."""
    return [t for t in edge.targets if t != END and t not in leads_to[edge.source]]


def _bound(edge: Edge) -> int:
    return edge.at_most or UNBOUNDED
