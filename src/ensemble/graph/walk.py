"""The way that a run took through its topology, worked out from when its turns began and ended.

A pure function of turns in order; has never heard of journals or drawings. A journal does not
say which edge was taken, but every turn on the other side of one does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ensemble.graph.topology import END, START, Edge, Topology

NEVER: Final = float("inf")


@dataclass(frozen=True)
class TurnSpan:
    """One turn, and when it was: places in any one order, such as a journal's."""

    seat: str
    role: str
    occurrence: int
    began: float
    ended: float = NEVER


@dataclass(frozen=True)
class Walk:
    """Which edges were taken and which seats were entered."""

    taken: Mapping[int, int]
    """An edge's place in the topology to how often it was taken; 0 is left out."""
    entered: frozenset[str]
    lost: frozenset[str] = frozenset()
    """Seats of which a member gave no answer."""


def walk_of(
    topology: Topology, turns: Iterable[TurnSpan], *, decided: bool, lost: Iterable[str] = ()
) -> Walk:
    """Return the way through `topology` that explains the turns.

    Args:
        topology: the seats and edges.
        turns: every turn that began.
        decided: whether the run came to its decision, so that every way has ended.
        lost: seats of which a member gave no answer.
    """
    visits = _visits(turns)
    taken: Counter[int] = Counter()
    for visit, until in _with_next([_Visit(START, "", -1, -1), *visits]):
        edge = _edge_taken(topology, visit, until, visits, taken, decided=decided)
        if edge is not None:
            taken[edge] += 1
    return Walk(dict(sorted(taken.items())), frozenset(v.seat for v in visits), frozenset(lost))


@dataclass(frozen=True)
class _Visit:
    """The turns of a seat's members that belong together."""

    seat: str
    role: str
    began: float
    ended: float


def _visits(turns: Iterable[TurnSpan]) -> list[_Visit]:
    together: dict[tuple[str, str, int], list[TurnSpan]] = {}
    for turn in turns:
        together.setdefault((turn.seat, turn.role, turn.occurrence), []).append(turn)
    visits = [
        _Visit(seat, role, min(t.began for t in spans), max(t.ended for t in spans))
        for (seat, role, _), spans in together.items()
    ]
    return sorted(visits, key=lambda visit: visit.began)


def _with_next(visits: Sequence[_Visit]) -> Iterable[tuple[_Visit, float]]:
    """Yield each visit, and when the same seat was entered again."""
    for number, visit in enumerate(visits):
        again = (later.began for later in visits[number + 1 :] if later.seat == visit.seat)
        yield visit, next(again, NEVER)


def _edge_taken(
    topology: Topology,
    visit: _Visit,
    until: float,
    visits: Sequence[_Visit],
    taken: Mapping[int, int],
    *,
    decided: bool,
) -> int | None:
    """Return the place of the first edge whose targets were all entered after the visit."""

    def was_entered(edge: Edge) -> bool:
        entered = {
            later.seat
            for later in visits
            if later.role == edge.role and visit.ended < later.began <= until
        }
        return set(edge.targets) <= entered

    ends: int | None = None
    for place, edge in enumerate(topology.edges):
        if edge.source != visit.seat or taken.get(place, 0) >= (edge.at_most or NEVER):
            continue
        if was_entered(edge):
            return place
        if ends is None and edge.targets == (END,) and decided and visit.ended < NEVER:
            ends = place
    return ends
