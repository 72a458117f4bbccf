"""Where a run goes next: the topology's edges, tried in order, over the state so far.

Pure functions of the state, the same in every run and every replay. Has never heard of
LangGraph; node names are all it deals in. A node that has run writes down where it leads, so
that the way is chosen once.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final, cast

from ensemble.graph.rounds import entries_at_most
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.state import Document, EnsembleState, StateUpdate, latest, turns_of
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.voting import is_settled
from ensemble.roles import Role, TurnStatus

BEGIN: Final = "begin"
LAB: Final = "lab"
DECISION: Final = "decision"
_BY: Final = " < "
"""Between a node and who entered it: the key of one entry."""
_STEPS_PER_TURN: Final = 12


class Ways:
    """The ways through one ensemble."""

    def __init__(self, ensemble: Ensemble) -> None:
        """Work out which nodes there are, and which seats lead to which."""
        self._ensemble = ensemble
        self._topology = ensemble.topology
        self._seat_at = {node_name(m.path, role): m.seat for m, role in ensemble.nodes()}
        self._leads_to = forward(ensemble.topology)
        self._led_to = {to for seat in ensemble.topology.seats for to in self._leads_to[seat]}
        self.nodes = list(self._seat_at)
        self._waves = {seat: self._waves_of(seat) for seat in ensemble.topology.seats}
        self.joins = [f"{seat}@next" for seat in ensemble.topology.seats if self._needs_join(seat)]
        """One for each seat of several that is left by a condition, or asked in waves."""
        turns = sum(
            times * len(ensemble.at(seat))
            for (seat, _), times in entries_at_most(self._topology, self._leads_to).items()
        )
        self.most_steps = _STEPS_PER_TURN * turns + 25

    def first(self) -> list[str]:
        """Return every node that an edge out of the start enters."""
        return self._all_targets(START)

    def may_wait(self, name: str) -> bool:
        """Return whether a node can be entered while an earlier seat still leads to it."""
        return name in self.joins or _seat_of(name) in self._led_to

    def reach_of(self, name: str) -> list[str]:
        """Return every node that a node can lead to, itself among them."""
        seat = _seat_of(name)
        join = f"{seat}@next"
        if name == join or join not in self.joins:
            waves = [node for wave in self._waves[seat] for node in wave]
            return list(dict.fromkeys([name, LAB, *self._all_targets(seat), *waves]))
        return [name, LAB, join]

    def leads(self, name: str, *targets: str) -> StateUpdate:
        """Return the update of a node that leads to `targets` and is not done."""
        return {"led": {name: list(targets)}}

    def onward(self, name: str, state: EnsembleState) -> StateUpdate:
        """Return the update of a node that is done: where it leads, and who is entered by that.

        Args:
            name: `begin`, the node of a turn, or a seat's join.
            state: the state with that node's own turn in it.
        """
        seat = START if name == BEGIN else _seat_of(name)
        join = f"{seat}@next"
        taken: dict[str, int] = {}
        if join in self.joins and name != join:
            targets = [join]
        elif wave := self._next_wave(seat, state):
            targets, taken = wave
        else:
            edge, taken = self._edge_out_of(name, state)
            targets = (self._entered(edge, state) if edge else []) or [DECISION]
            taken |= self._waves_begun(edge, seat)
        # Each entry has a key of its own: a seat may finish in the step in which it is entered.
        mark = f"{_BY}{name}#{len(state.get('turns', {}))}"
        done = [entry for entry in state.get("entered", {}) if _node_of(entry) == name]
        entered: dict[str, Document | None] = dict.fromkeys(done)
        entered |= {f"{target}{mark}": {} for target in targets if target != DECISION}
        return {"entered": entered, "taken": taken, "led": {name: targets}}

    def spared(self, name: str, state: Mapping[str, Any]) -> list[tuple[Member, str]]:
        """Return who of a join's seat was not asked, where none of them need be any more."""
        seat = _seat_of(name)
        waves = self._waves[seat]
        asked = self._waves_asked(seat, state)
        if asked >= len(waves) or not is_settled(self._ensemble, state):
            return []
        left = {node for wave in waves[asked:] for node in wave}
        return [(m, r) for m, r in self._ensemble.nodes() if node_name(m.path, r) in left]

    def held_back(self, name: str, state: EnsembleState) -> list[str] | None:
        """Return where a node leads instead of acting, or None where it may act.

        Nowhere while a person is waited for, except that a turn that came back from the lab
        goes on; back to itself while an earlier seat that leads to it is under way.
        """
        goes_on = name in state.get("asking", {}) and name not in paused(state)
        if goes_on:
            return None
        if waits_for_person(state):
            return []
        return [name] if self.may_wait(name) and self._yields(name, state) else None

    def under_way(self, state: Mapping[str, Any]) -> bool:
        """Return whether some seat was entered and is not done, and nobody is waited for."""
        return bool(state.get("entered")) and not waits_for_person(state)

    def _yields(self, name: str, state: Mapping[str, Any]) -> bool:
        """Whether a node must wait for an earlier seat; a join waits for its own seat too."""
        entered = {_node_of(entry) for entry in state.get("entered", {})}
        seat = _seat_of(name)
        if name in self.joins and any(
            self._seat_at.get(other) == seat and other != name for other in entered
        ):
            return True
        return any(seat in self._leads_to[_seat_of(other)] for other in entered)

    def _needs_join(self, seat: str) -> bool:
        if self._waves[seat]:
            return True
        conditional = any(
            edge.when or edge.at_most is not None for edge in self._topology.out_of(seat)
        )
        return conditional and len(self._ensemble.at(seat)) > 1

    def _waves_of(self, seat: str) -> list[list[str]]:
        """Return the nodes of a panel by the waves in which they are asked."""
        sizes = self._ensemble.rules.ask_in
        if not sizes or Role.PANEL_MEMBER not in self._topology.roles_of(seat):
            return []
        nodes = [node_name(m.path, Role.PANEL_MEMBER) for m in self._ensemble.at(seat)]
        if len(nodes) != sum(sizes):
            return []  # they are another panel's
        ends = [*accumulate(sizes)]
        return [nodes[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def _waves_asked(self, seat: str, state: Mapping[str, Any]) -> int:
        """Return how many waves were asked; all of them where the seat goes another way."""
        asked: int = state.get("taken", {}).get(f"{seat}/waves", len(self._waves[seat]))
        return asked

    def _next_wave(
        self, seat: str, state: Mapping[str, Any]
    ) -> tuple[list[str], dict[str, int]] | None:
        """Return the wave that is asked next, while the outcome can still change."""
        waves = self._waves.get(seat, [])
        asked = self._waves_asked(seat, state) if waves else 0
        if asked >= len(waves) or is_settled(self._ensemble, state):
            return None
        return waves[asked], {f"{seat}/waves": asked + 1}

    def _waves_begun(self, edge: Edge | None, left: str) -> dict[str, int]:
        """Return the counts of waves: one in each panel that is entered, all where one is left."""
        counts = {f"{left}/waves": len(self._waves[left])} if self._waves.get(left) else {}
        if edge is not None and edge.role == Role.PANEL_MEMBER:
            counts |= {f"{seat}/waves": 1 for seat in edge.targets if self._waves.get(seat)}
        return counts

    def _edge_out_of(self, name: str, state: EnsembleState) -> tuple[Edge | None, dict[str, int]]:
        """Return the first edge whose condition holds, and how often it is taken by that."""
        seat = START if name == BEGIN else _seat_of(name)
        for number, edge in enumerate(self._topology.out_of(seat)):
            mark = f"{seat}/{number}"
            before = state.get("taken", {}).get(mark, 0)
            if edge.at_most is not None and before >= edge.at_most:
                continue
            where = f"graph {self._topology.name}, edge out of {edge.source}"
            if edge.when is None or edge.when.holds_in(state, where=where):
                return edge, {mark: self._visits(name, state) or before + 1}
        return None, {}

    def _visits(self, name: str, state: Mapping[str, Any]) -> int | None:
        """Return which visit of its seat ends with a member's turn; None where one speaks for all.

        Members without a join all go the seat's one way, which is taken once by that.
        """
        if name not in self._seat_at or len(self._ensemble.at(self._seat_at[name])) == 1:
            return None
        path = name.partition("@")[0]
        return sum(turn["path"] == path for turn in state.get("turns", {}).values())

    def _all_targets(self, seat: str) -> list[str]:
        """Return every node that a seat's edges enter; the decision where none may hold."""
        edges = self._topology.out_of(seat)
        found = [name for edge in edges for name in self._targets(edge) or [DECISION]]
        if all(edge.when or edge.at_most is not None for edge in edges):
            found.append(DECISION)
        return list(dict.fromkeys(found))

    def _entered(self, edge: Edge, state: Mapping[str, Any]) -> list[str]:
        """Return the nodes that an edge enters now: of a panel its first wave, none spared."""
        if edge.role == Role.PANEL_MEMBER:
            later = {n for t in edge.targets for wave in self._waves.get(t, [])[1:] for n in wave}
        else:
            last = latest(turns_of(state))
            spared = {turn.path for turn in last if turn.status == TurnStatus.NOT_NEEDED}
            later = {node_name(path, cast("str", edge.role)) for path in spared}
        return [node for node in self._targets(edge) if node not in later]

    def _targets(self, edge: Edge) -> list[str]:
        return [
            node_name(member.path, cast("str", edge.role))
            for target in edge.targets
            if target != END
            for member in self._ensemble.at(target)
        ]


def waits_for_person(state: Mapping[str, Any]) -> bool:
    """Return whether some turn waits for a person, so that no further one begins."""
    return bool(paused(state))


def paused(state: Mapping[str, Any]) -> set[str]:
    """Return the nodes whose turns wait for a person."""
    entered: Mapping[str, Document] = state.get("entered", {})
    return {_node_of(entry) for entry, document in entered.items() if document.get("paused")}


def pausing(name: str) -> StateUpdate:
    """Return the update of a node whose turn waits for a person."""
    return {"entered": {f"{name}{_BY}{name}": {"paused": True}}}


def _node_of(entry: str) -> str:
    return entry.partition(_BY)[0]


def _seat_of(node: str) -> str:
    return node.partition("@")[0].partition("[")[0]


def forward(topology: Topology) -> dict[str, set[str]]:
    """Return each seat's set of later seats that it leads to, directly or by others.

    Ways back are left out, or two seats of one loop would wait for each other: of a circle's
    edges that is a bounded one, and of several the one that leaves furthest from the start.
    """
    found: dict[str, set[str]] = {seat: set() for seat in (START, *topology.seats)}
    steps = _steps_from_start(topology)

    def last_to_be_a_way_back(edge: Edge) -> tuple[bool, int, str]:
        return edge.at_most is not None, steps.get(edge.source, len(found)), edge.source

    for edge in sorted(topology.edges, key=last_to_be_a_way_back):
        for target in edge.targets:
            if target in (END, edge.source) or edge.source in found[target]:
                continue
            for seat, later in found.items():
                if seat == edge.source or edge.source in later:
                    later |= {target, *found[target]}
    return found


def _steps_from_start(topology: Topology) -> dict[str, int]:
    """Return how many edges lie between the start and each seat, in whatever order they stand."""
    steps = {START: 0}
    for seat in (reached := [START]):
        for edge in topology.out_of(seat):
            for target in edge.targets:
                if target not in steps:
                    steps[target] = steps[seat] + 1
                    reached.append(target)
    return steps
