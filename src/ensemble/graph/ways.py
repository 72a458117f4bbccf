"""Where a run goes next: the topology's edges, tried in order, over the state so far.

Pure functions of the state, the same in every run and every replay. Has never heard of
LangGraph; node names are all it deals in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from ensemble.graph.seating import Ensemble, node_name
from ensemble.graph.state import EnsembleState, turns_of
from ensemble.graph.topology import END, START, Edge

LAB: Final = "lab"
DECISION: Final = "decision"
END_NODE: Final = "__end__"
_STEPS_PER_TURN: Final = 12
_ROUNDS: Final = 10


class Ways:
    """The ways through one ensemble."""

    def __init__(self, ensemble: Ensemble) -> None:
        """Work out which nodes there are, and which seats lead to which."""
        self._ensemble = ensemble
        self._at = {node_name(m.path, role): (m, role) for m, role in ensemble.nodes()}
        self._leads_to = _reachable(ensemble)
        self.nodes = list(self._at)
        self.joins = [f"{seat}@next" for seat in ensemble.topology.seats if self._needs_join(seat)]
        """One for each seat of several whose ways out hang on a condition."""
        self.most_steps = _STEPS_PER_TURN * len(self.nodes) * _ROUNDS + 25

    def out_of_start(self, state: EnsembleState) -> list[str]:
        """Return the nodes that the first edges enter."""
        return self._entered_by(START, state)

    def after(self, name: str, state: EnsembleState) -> list[str]:
        """Return where a finished turn leads."""
        seat = self._at[name][0].seat
        join = f"{seat}@next"
        return [join] if join in self.joins else self._entered_by(seat, state)

    def out_of(self, name: str) -> Callable[[EnsembleState], list[str]]:
        """Return the function that says where a node leads, once it has run."""

        def ways(state: EnsembleState) -> list[str]:
            if state.get("asking", {}).get(name, {}).get("action"):
                return [LAB]
            entered = state.get("entered", {})
            if any(document.get("paused") for document in entered.values()):
                return []
            return [name] if name in entered else self.after(name, state)

        return ways

    def out_of_join(self, join: str) -> Callable[[EnsembleState], list[str]]:
        """Return the function that says where a seat of several leads."""
        return lambda state: self._entered_by(join.removesuffix("@next"), state)

    def out_of_lab(self, state: EnsembleState) -> list[str]:
        """Return the nodes whose turns go on."""
        return sorted(state.get("asking", {}))

    def out_of_decision(self, state: EnsembleState) -> list[str]:
        """Return the decision itself as long as somebody is under way, else the end."""
        return [END_NODE] if "decision" in state or not self.under_way(state) else [DECISION]

    def reach_of(self, name: str) -> list[str]:
        """Return every node that a node can lead to, itself among them."""
        seat = self._at[name][0].seat
        join = f"{seat}@next"
        next_nodes = [join] if join in self.joins else self._all_targets(seat)
        return list(dict.fromkeys([name, LAB, *next_nodes]))

    def yields(self, name: str, state: EnsembleState) -> bool:
        """Return whether a node must wait for an earlier seat that still leads to it."""
        seat = self._at[name][0].seat
        mine = self._ensemble.rank(seat)
        others = {_seat_of(entered) for entered in state.get("entered", {})} - {seat}
        return any(
            self._ensemble.rank(other) < mine and seat in self._leads_to[other] for other in others
        )

    def under_way(self, state: Mapping[str, Any]) -> bool:
        """Return whether some seat was entered and is not done, and nobody is waited for."""
        entered = state.get("entered", {})
        return bool(entered) and not any(item.get("paused") for item in entered.values())

    def _needs_join(self, seat: str) -> bool:
        conditional = any(
            edge.when or edge.at_most is not None for edge in self._ensemble.topology.out_of(seat)
        )
        return conditional and len(self._ensemble.at(seat)) > 1

    def _entered_by(self, seat: str, state: EnsembleState) -> list[str]:
        for edge in self._ensemble.topology.out_of(seat):
            if edge.at_most is not None and self._taken(edge, state) >= edge.at_most:
                continue
            if edge.when is None or edge.when.holds(state):
                return self._targets(edge)
        return [DECISION]

    def _all_targets(self, seat: str) -> list[str]:
        edges = self._ensemble.topology.out_of(seat)
        return [*(name for edge in edges for name in self._targets(edge)), DECISION]

    def _targets(self, edge: Edge) -> list[str]:
        names = [
            node_name(member.path, cast("str", edge.role))
            for target in edge.targets
            if target != END
            for member in self._ensemble.at(target)
        ]
        return names or [DECISION]

    def _taken(self, edge: Edge, state: EnsembleState) -> int:
        first = [self._ensemble.at(target)[0].path for target in edge.targets if target != END]
        return sum(turn.path in first and turn.role == edge.role for turn in turns_of(state))


def _seat_of(node: str) -> str:
    return node.partition("@")[0].partition("[")[0]


def _reachable(ensemble: Ensemble) -> dict[str, set[str]]:
    direct = {
        seat: {t for edge in ensemble.topology.out_of(seat) for t in edge.targets if t != END}
        for seat in ensemble.topology.seats
    }
    found: dict[str, set[str]] = {}
    for seat, first in direct.items():
        seen: set[str] = set()
        todo = list(first)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += direct[name]
        found[seat] = seen
    return found
