"""The way that a run took through its topology, as the run itself counts it.

A run counts how often it takes each edge, by the edge's mark: `auditor/0` is the first edge out
of the auditor. Pure functions of these counts; has never heard of journals or drawings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ensemble.graph.topology import Topology


@dataclass(frozen=True)
class Walk:
    """Which edges were taken and which seats were entered."""

    taken: Mapping[int, int]
    """An edge's place in the topology to how often it was taken; 0 is left out."""
    entered: frozenset[str]
    lost: frozenset[str] = frozenset()
    """Seats of which a member gave no answer."""


def edges_taken(topology: Topology, counts: Mapping[str, int]) -> dict[str, int]:
    """Return how often each edge was taken, of all that a run counts."""
    return {mark: counts[mark] for mark in topology.marks if mark in counts}


def taken_into(
    topology: Topology, seat: str, role: str, counts: Mapping[str, int]
) -> dict[str, int]:
    """Return how often the edges that enter `seat` in `role` were taken so far."""
    taken = edges_taken(topology, counts)
    into = {mark: topology.edges[topology.marks[mark]] for mark in taken}
    return {
        mark: taken[mark]
        for mark, edge in into.items()
        if seat in edge.targets and edge.role == role
    }


def walk_of(
    topology: Topology,
    counted: Iterable[Mapping[str, int]],
    *,
    entered: Iterable[str],
    lost: Iterable[str] = (),
) -> Walk:
    """Return the way through `topology`.

    Args:
        topology: the seats and edges.
        counted: how often edges were taken, by mark, as it was told at several times.
        entered: seats in which a turn began.
        lost: seats of which a member gave no answer.
    """
    marks = topology.marks
    taken: dict[int, int] = {}
    for counts in counted:
        for mark, times in counts.items():
            taken[marks[mark]] = max(times, taken.get(marks[mark], 0))
    return Walk(dict(sorted(taken.items())), frozenset(entered), frozenset(lost))
