"""A topology: who is asked after whom, as plain data.

Seats are names; an edge carries the ensemble role that its target takes. Nothing here has
heard of LangGraph, agents or models, so a topology can be drawn, bounded and checked before
any of them is loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from ensemble.graph.routing import Condition
from ensemble.roles import Role

START: Final = "START"
END: Final = "END"


@dataclass(frozen=True)
class Edge:
    """One way from a seat to the next; edges out of a seat are tried in order."""

    source: str
    target: str | tuple[str, ...]
    """The next seat, several that go side by side, or `END`."""
    role: str | None = None
    """The ensemble role the target takes; None only where the target is `END`."""
    when: Condition | None = None
    """The edge is taken only where this holds; None always holds."""
    at_most: int | None = None
    """How often the edge may be taken in one run; None sets no bound of its own."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The target as a tuple, also where there is one."""
        return (self.target,) if isinstance(self.target, str) else self.target


@dataclass(frozen=True)
class Topology:
    """Seats and the edges between them."""

    name: str
    edges: tuple[Edge, ...]
    cast: Mapping[str, str | tuple[str, ...]] = field(
        default_factory=dict[str, "str | tuple[str, ...]"]
    )
    """Built-in agents that sit where nobody else is seated."""

    @cached_property
    def seats(self) -> tuple[str, ...]:
        """Every seat, in the order in which the edges first name it."""
        named = (name for edge in self.edges for name in (edge.source, *edge.targets))
        return tuple(dict.fromkeys(name for name in named if name not in (START, END)))

    def out_of(self, seat: str) -> tuple[Edge, ...]:
        """Return the edges that leave `seat`, in the order in which they are tried."""
        return tuple(edge for edge in self.edges if edge.source == seat)

    @cached_property
    def marks(self) -> Mapping[str, int]:
        """Each edge's mark, `auditor/0` for the first out of that seat, with its place."""
        seats = dict.fromkeys(edge.source for edge in self.edges)
        return {
            f"{seat}/{number}": place
            for seat in seats
            for number, place in enumerate(n for n, e in enumerate(self.edges) if e.source == seat)
        }

    def roles_of(self, seat: str) -> tuple[str, ...]:
        """Return the roles in which `seat` can be entered, in order of first mention."""
        found = (edge.role for edge in self.edges if seat in edge.targets and edge.role)
        return tuple(dict.fromkeys(found))

    def entries(self) -> Iterator[tuple[str, str]]:
        """Yield every (seat, role) that some edge enters."""
        for seat in self.seats:
            for role in self.roles_of(seat):
                yield seat, role

    def decider(self) -> str | None:
        """Return the seat that decides: the one with the role, else one solo before the end."""
        for seat, role in self.entries():
            if role == Role.DECISION_MAKER:
                return seat
        before_end = {edge.source for edge in self.edges if END in edge.targets}
        only = before_end.pop() if len(before_end) == 1 else None
        return only if only and self.roles_of(only) == (Role.SOLO,) else None
