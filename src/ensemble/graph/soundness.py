"""Whether a topology can be run at all: what is wrong with its seats and edges, before any call.

Every fault has a stable code, a place and a fix, and all are told at once. Has never heard of
agents, models or LangGraph: `fitness` asks whether a cast fits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, cast

from ensemble.errors import InvalidFile
from ensemble.graph.condition_text import CONDITIONS
from ensemble.graph.routing import Condition
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import ROLE_DEFAULTS, Role

MEANINGS: Final = {
    "G001": "No edge leaves START, so nobody is ever asked.",
    "G002": "A seat that no way from START leads to.",
    "G003": "A seat from which no way leads to END.",
    "G004": "A loop that no `at_most` ends. Every loop has a bounded edge.",
    "G005": "An edge that may be taken less than once.",
    "G006": "An edge behind one that is always taken. Edges out of a seat are tried in order.",
    "G007": "An edge to a seat without a role, or one to END with a role.",
    "G008": "An edge that names what is no seat: START as a target, END as a source or beside "
    "seats, either in other letters, one seat twice, a name with `@`, `[`, `]` or `/`.",
    "G009": "Several seats that decide; or none that does, and nobody who takes a position.",
    "G010": "An auditor that is entered where nobody has answered yet.",
    "G011": "A seat of the graph that nobody holds, or a cast that names no seat of the graph.",
    "G012": "An agent seated in a role or mode that neither its file nor the format knows.",
    "G013": "A seat that decides, held by several agents. One is accountable.",
    "G014": "A quorum of more than can vote.",
    "G015": "An auditor that has only its own agent's answers to audit.",
    "G016": "Agents seated together that escalate to each other in a circle.",
    "G017": "A tool that can change something, held in a turn that audits. An audit may read, "
    "search and, on a workspace that it cannot write to, run Bash; it holds nothing else.",
    "G018": "Waves (`ask_in`) that are not just a panel's members, or that a chair would make "
    "pointless: it may decide otherwise than those who were asked.",
    "G019": "A `when` that is no condition, such as a function that was not called.",
    "G020": "A choice that is a person's word on a decision: `confirm` or `refuse`.",
}
"""What each code means."""

Places = Callable[[int | None], str]
"""Edge number to file and line; None for the whole graph."""

Written = Callable[[str, Sequence[str]], str]
"""Source and targets to an edge as the file at hand would write it."""

_ENDS: Final = {name.casefold(): name for name in (START, END)}
_ALIKE: Final = 0.75
_NO_NAME: Final = frozenset("@[]/")


class GraphFault(InvalidFile):
    """Why a graph, or the cast of one, was refused; `code` is one of `MEANINGS`."""

    def __init__(self, code: str, problem: str, *, where: str, fix: str) -> None:
        super().__init__(problem, where=where, fix=fix)
        self.code = code


def in_python(source: str, targets: Sequence[str]) -> str:
    """Return an edge as a graph file writes it."""
    start, *named = (name if name in (START, END) else f'"{name}"' for name in (source, *targets))
    to = f"({', '.join(named)})" if len(named) > 1 else named[0]
    return f"Edge({start}, {to})" if END in targets else f"Edge({start}, {to}, …)"


def in_yaml(source: str, targets: Sequence[str]) -> str:
    """Return an edge as a scenario writes it."""
    to = f"[{', '.join(targets)}]" if len(targets) > 1 else targets[0]
    return f"- {{from: {source}, to: {to}{'' if END in targets else ', role: …'}}}"


def faults_of(
    topology: Topology, places: Places | None = None, *, written: Written = in_python
) -> list[GraphFault]:
    """Return everything that is wrong with a topology.

    Args:
        topology: seats and edges.
        places: where each edge stands; left out, faults name the graph.
        written: how a fix writes an edge.
    """

    def anywhere(_: int | None) -> str:
        return f"graph {topology.name}"

    where = places or anywhere
    found = [
        GraphFault("G008", problem, where=where(number), fix=fix)
        for number, edge in enumerate(topology.edges)
        for problem, fix in _of_misspelt_ends(edge, number)
    ]
    topology = replace(topology, edges=tuple(map(_meant, topology.edges)))
    found += [
        GraphFault(
            code, f"edge {number + 1}, {told(edge)}: {problem}", where=where(number), fix=fix
        )
        for number, edge in enumerate(topology.edges)
        for code, problem, fix in [*_of_edge(edge), *_of_turn(topology, number, edge, written)]
    ]
    seats = [*_of_ways(topology, written), *_of_loops(topology), *_of_deciders(topology)]
    found += [
        GraphFault(code, problem, where=where(number), fix=fix)
        for code, number, problem, fix in [*seats, *_of_auditors(topology)]
    ]
    return found


def told(edge: Edge) -> str:
    """Return an edge as it is named in messages: `auditor → author`."""
    return f"{edge.source} → {', '.join(edge.targets) or 'nowhere'}"


def ways_of(topology: Topology) -> Any:
    """Return the seats, START and END as a networkx graph; an edge for every way."""
    graph: Any = networkx().DiGraph()
    graph.add_nodes_from([START, *topology.seats, END])
    graph.add_edges_from((e.source, target) for e in topology.edges for target in e.targets)
    return graph


def networkx() -> Any:
    """Return networkx, which takes a while to load and has few types."""
    import networkx as nx

    return nx


_Told = tuple[str, int | None, str, str]
"""Code, number of the edge, problem, fix."""


def _of_misspelt_ends(edge: Edge, number: int) -> Iterator[tuple[str, str]]:
    for name in (edge.source, *edge.targets):
        meant = _ENDS.get(name.casefold(), name)
        if name != meant:
            problem = f"edge {number + 1}, {told(edge)}: no seat can be called {name!r}"
            yield problem, f"did you mean {meant}?"


def _meant(edge: Edge) -> Edge:
    """Return the edge with `end` read as END, so that only what else is wrong is told."""
    source, *targets = (_ENDS.get(name.casefold(), name) for name in (edge.source, *edge.targets))
    return replace(edge, source=source, target=tuple(targets))


def _of_edge(edge: Edge) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with one edge by itself: code, problem, fix."""
    named = [edge.source, *edge.targets]
    if START in edge.targets or edge.source == END:
        yield "G008", "nothing leads to START or from END", "name a seat instead"
    if not edge.targets or len(set(edge.targets)) < len(edge.targets):
        yield "G008", "each target is named once", "name one seat, or several different ones"
    if END in edge.targets and len(edge.targets) > 1:
        yield "G008", "END stands by itself", "leave END out, or lead to it by an edge of its own"
    for name in named:
        if not name.strip() or _NO_NAME & set(name):
            yield "G008", f"{name!r} cannot be a seat's name", "use letters, digits, - and _"
    ends = edge.targets == (END,)
    if ends and edge.role:
        yield "G007", "END takes no role", "leave the role out"
    if not ends and not edge.role:
        near = any(get_close_matches(to.upper(), [END], cutoff=_ALIKE) for to in edge.targets)
        fix = f"name one: {', '.join(Role)}, or an agent's own"
        fix = f"did you mean {END}? else {fix}" if near else fix
        yield "G007", "the target takes no role", fix


def _of_turn(
    topology: Topology, number: int, edge: Edge, written: Written
) -> Iterator[tuple[str, str, str]]:
    """Yield what keeps an edge from ever having its turn: code, problem, fix."""
    if edge.at_most is not None and edge.at_most < 1:
        yield "G005", f"at_most is {edge.at_most}", "say 1 or more, or take the edge out"
    when = cast("object", edge.when)
    if when is not None and not isinstance(when, Condition):
        yield "G019", "`when` is no condition", _condition_meant(when)
    before = next(
        (e for e in topology.edges[:number] if e.source == edge.source and _always(e)), None
    )
    if before is not None:
        both = list(dict.fromkeys([*before.targets, *edge.targets]))
        fix = "give the earlier edge a condition"
        if END not in both:
            fix += f", or lead to all side by side: `{written(edge.source, both)}`"
        yield "G006", f"is never taken, {told(before)} always is", fix


def _condition_meant(given: object) -> str:
    """Return the fix for what stands in a condition's place."""
    word = given if isinstance(given, str) else getattr(given, "__name__", "")
    if word in CONDITIONS:
        return f"write `{word}()`"
    made = f'Condition("{word}", {word})' if word.isidentifier() else 'Condition("name", f)'
    return f"write `{made}`, of a function of the state"


def _always(edge: Edge) -> bool:
    return edge.when is None and edge.at_most is None


def _of_ways(topology: Topology, written: Written) -> Iterator[_Told]:
    nx, graph = networkx(), ways_of(topology)
    if not topology.out_of(START):
        first = next(iter(topology.seats), "SEAT")
        yield "G001", None, "no edge leaves START", f"begin with `{written(START, [first])}`"
        return
    reached: set[str] = nx.descendants(graph, START)
    ends: set[str] = nx.ancestors(graph, END)
    for seat in topology.seats:
        number = next(n for n, e in enumerate(topology.edges) if seat in (e.source, *e.targets))
        if seat not in reached:
            fix = f"lead to {seat!r} from a seat that is reached, or take it out"
            problem = f"no way from START leads to {seat!r}"
            yield "G002", number, problem, _or_meant(topology, seat, fix)
        if seat not in ends:
            fix = f"`{written(seat, [END])}`"
            problem = f"no way from {seat!r} leads to END"
            yield "G003", number, problem, _or_meant(topology, seat, fix)


def _or_meant(topology: Topology, seat: str, fix: str) -> str:
    """Return the fix of a seat that leads nowhere: first the name that may have been meant."""
    if seat in topology.cast:
        return fix
    ends = get_close_matches(seat.upper(), _ENDS.values(), n=1, cutoff=_ALIKE)
    others = [other for other in topology.seats if other != seat]
    near = ends or [repr(name) for name in get_close_matches(seat, others, n=1, cutoff=_ALIKE)]
    return f"did you mean {near[0]}? else {fix}" if near else fix


def _of_loops(topology: Topology) -> Iterator[_Told]:
    nx = networkx()
    unbounded = nx.DiGraph()
    for edge in topology.edges:
        if edge.at_most is None:
            unbounded.add_edges_from((edge.source, target) for target in edge.targets)
    knots: list[set[str]] = [
        knot
        for knot in nx.strongly_connected_components(unbounded)
        if len(knot) > 1 or any(unbounded.has_edge(seat, seat) for seat in knot)
    ]
    for knot in knots:
        circle: list[tuple[str, str]] = nx.find_cycle(unbounded.subgraph(knot))
        way = " → ".join([*(source for source, _ in circle), circle[-1][1]])
        last = next(
            number
            for number, edge in reversed(list(enumerate(topology.edges)))
            if any((edge.source, target) in circle for target in edge.targets)
        )
        edge = told(topology.edges[last])
        fix = f"give edge {last + 1}, {edge}, an `at_most`"
        yield "G004", last, f"the loop {way} has no bound", fix


def _of_deciders(topology: Topology) -> Iterator[_Told]:
    deciding = [seat for seat, role in topology.entries() if role == Role.DECISION_MAKER]
    if len(deciding) > 1:
        problem = f"{len(deciding)} seats decide: {', '.join(deciding)}"
        yield "G009", None, problem, f"let one be {Role.DECISION_MAKER}, the others advise or vote"
    roles = {role for _, role in topology.entries()}
    staking = [
        role for role in roles if role not in ROLE_DEFAULTS or ROLE_DEFAULTS[role].takes_position
    ]
    if roles and not staking:
        problem = "nobody decides and nobody takes a position"
        yield "G009", None, problem, f"add a seat as {Role.DECISION_MAKER} or {Role.PANEL_MEMBER}"


def _of_auditors(topology: Topology) -> Iterator[_Told]:
    """Yield the edges on whose way nobody but auditors has spoken."""
    silent = [START]
    for source in silent:
        for number, edge in enumerate(topology.edges):
            if edge.source == source and edge.role == Role.AUDITOR:
                problem = f"edge {number + 1}, {told(edge)}: there is no answer yet to audit"
                yield "G010", number, problem, "let a seat answer first, or take another role"
                silent += [target for target in edge.targets if target not in silent]
