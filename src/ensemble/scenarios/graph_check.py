"""A graph file checked by itself: whether its edges hang together and its own cast fits.

A seat that the file casts nobody in is left to the scenarios that use it. Has never heard of
scenarios.
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from ensemble.agents.library import Library, a_person, load_agents
from ensemble.config import project_of
from ensemble.errors import EnsembleError, Faults, closest
from ensemble.graph.fitness import misfits
from ensemble.graph.seating import Ensemble, Member, seat
from ensemble.graph.soundness import GraphFault, faults_of
from ensemble.graph.topology import Edge, Topology
from ensemble.roles import Role
from ensemble.scenarios.graphs import read_graph

_NOBODY: Final = "nobody sits here"


def graph_faults(path: Path) -> list[EnsembleError]:
    """Run a graph file and return everything that is wrong with its topology and cast.

    Raises:
        InvalidFile: the file fails, or holds no topology.
    """
    topology, place = read_graph(path)
    library = load_agents(*project_of(path.resolve().parent).folders("agents"))
    declared = {role for agent in library.values() for role in agent.spec.ensemble_roles.roles}
    known = declared | {role.value for role in Role}
    unsound = faults_of(topology, place)
    faults: list[EnsembleError] = [*unsound]
    faults += [
        GraphFault(
            "G012",
            f"no agent knows the role {edge.role!r}",
            where=place(number),
            fix=closest(edge.role, known, kind="role"),
        )
        for number, edge in enumerate(topology.edges)
        if edge.role and edge.role not in known
    ]
    meant = replace(topology, edges=tuple(_in_known_role(edge, known) for edge in topology.edges))
    ensemble = _seated(meant, _members(path, topology, library, faults), faults)
    hang_on_ways = {"G015"} if unsound else set[str]()
    for fault in misfits(ensemble):
        if fault.where != _NOBODY and fault.code not in hang_on_ways:
            faults.append(fault)
    return faults


def _in_known_role(edge: Edge, known: Collection[str]) -> Edge:
    """Return the edge with the role that may have been meant, so that the cast can be checked."""
    if not edge.role or edge.role in known:
        return edge
    near = get_close_matches(edge.role, known, n=1)
    return replace(edge, role=near[0] if near else Role.INPUT_PROVIDER)


def _members(
    path: Path, topology: Topology, library: Library, faults: list[EnsembleError]
) -> Iterator[Member]:
    """Yield the members whom the file casts; one that is no agent is a fault."""
    places = _cast_places(path)
    for name, held in topology.cast.items():
        listed = [held] if isinstance(held, str) else held
        for index, agent in enumerate(listed):
            where = places.get((name, index), f"{path}:1:1")
            at = name if isinstance(held, str) else f"{name}[{index}]"
            try:
                yield Member(name, at, library.find(agent, where=where), where=where)
            except EnsembleError as fault:
                faults.append(fault)


def _seated(topology: Topology, members: Iterator[Member], faults: list[EnsembleError]) -> Ensemble:
    """Seat all who fit; a person stands in for those who do not."""
    cast = [*members]
    try:
        return seat(topology, _with_stand_ins(topology, cast))
    except EnsembleError as error:
        found = error.faults if isinstance(error, Faults) else (error,)
    faults += found
    refused = {fault.where for fault in found}
    fitting = [member for member in cast if member.where not in refused]
    return seat(topology, _with_stand_ins(topology, fitting))


def _with_stand_ins(topology: Topology, members: list[Member]) -> list[Member]:
    """Return the members, and a person wherever nobody sits: one may take any role."""
    empty = [name for name in topology.seats if all(name != m.seat for m in members)]
    return [*members, *(Member(name, name, a_person(), where=_NOBODY) for name in empty)]


def _cast_places(path: Path) -> dict[tuple[str, int], str]:
    """Return where a graph file names each member, by seat and number; none where code does."""
    casts = [
        keyword.value
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "cast" and isinstance(keyword.value, ast.Dict)
    ]
    places: dict[tuple[str, int], str] = {}
    for cast in casts:
        for key, held in zip(cast.keys, cast.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                listed = held.elts if isinstance(held, (ast.Tuple, ast.List)) else [held]
                for index, agent in enumerate(listed):
                    place = f"{path}:{agent.lineno}:{agent.col_offset + 1}"
                    places[key.value, index] = place
    return places
