"""How often a seat can be entered: a topology's loops counted before anything runs.

Without loops every seat waits for all that lead to it, so it is entered once in each role. Only
an edge that leads back can have it entered again, with all that the edge leads to. Pure data in,
numbers out; has never heard of agents or models.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
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
    """The step in which it takes its turn; the first is 1."""


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


def usual_entries(
    topology: Topology, leads_to: LeadsTo, several: Collection[str] = ()
) -> list[Entry]:
    """Return who is entered along the edges that hang on no condition, in order.

    Args:
        topology: seats and edges.
        leads_to: each seat's later seats.
        several: seats of several members.
    """
    joined = {seat for seat in several if not all(map(_always, topology.out_of(seat)))}
    entered: list[Entry] = []
    taken: Counter[Edge] = Counter()
    waiting: dict[str, list[str]] = {START: []}
    joining: list[str] = []
    level = 0
    while waiting or joining:
        acting, leaving = _free(leads_to, waiting, joining)
        entered += [Entry(seat, role, level) for seat in acting for role in waiting.pop(seat)]
        level += bool(acting)
        joining = [seat for seat in joining if seat not in leaving]
        joining += [seat for seat in acting if seat in joined and seat not in joining]
        for seat in [*leaving, *(seat for seat in acting if seat not in joined)]:
            usual = (e for e in topology.out_of(seat) if not e.when and taken[e] < _bound(e))
            if edge := next(usual, None):
                taken[edge] += 1
                for target in edge.targets:
                    if target != END and edge.role not in waiting.setdefault(target, []):
                        waiting[target].append(str(edge.role))
    return entered


def _free(
    leads_to: LeadsTo, waiting: Collection[str], joining: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return who acts in a step, and which seats of several go on; who waits for nobody is first.

    Args:
        leads_to: each seat's later seats.
        waiting: seats that have been entered.
        joining: seats whose members have all answered, and which have not gone on.
    """
    under_way = dict.fromkeys([*waiting, *joining])
    free = [s for s in under_way if not any(s in leads_to[other] for other in under_way)]
    acting = [seat for seat in free if seat in waiting]
    later = set[str]().union(*(after for seat, after in leads_to.items() if seat != START))
    first = [seat for seat in acting if seat not in later]
    return (first, []) if first else (acting, [s for s in free if s not in acting])


def _always(edge: Edge) -> bool:
    return edge.when is None and edge.at_most is None


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
