"""A topology that a scenario writes down itself, as `edges:`, in place of a graph's name.

Plain data, so that it can be read and checked in a folder whose code must not be run. Whether
it hangs together is checked like any graph's; here, what a file may misspell.
"""

from collections.abc import Collection

from ensemble.agents.library import Library
from ensemble.errors import InvalidFile, closest
from ensemble.graph.condition_text import parse_condition
from ensemble.graph.soundness import faults_of, in_yaml
from ensemble.graph.topology import Edge, Topology
from ensemble.roles import Role
from ensemble.scenarios.reading import Reader
from ensemble.scenarios.spec import InlineEdge, Scenario


def inline_topology(scenario: Scenario, library: Library, reader: Reader) -> Topology | None:
    """Return the topology of the scenario's own edges; its name is the scenario's.

    Args:
        scenario: the scenario, with `edges`.
        library: the agents, whose files may declare further roles.
        reader: takes the faults; where there is one, nothing is returned.
    """
    before = len(reader.faults)
    if "graph" in scenario.model_fields_set:
        problem = "`graph` and `edges` are two ways to say the same"
        reader.fault(problem, "edges", fix="keep one of the two")
    declared = {role for agent in library.values() for role in agent.spec.ensemble_roles.roles} | {
        *Role
    }
    edges = [_edge(given, declared, reader, number) for number, given in enumerate(scenario.edges)]
    topology = Topology(scenario.name, tuple(edges))

    def place(number: int | None) -> str:
        return reader.where("edges") if number is None else reader.where("edges", number)

    reader.faults += faults_of(topology, place, written=in_yaml)
    return topology if len(reader.faults) == before else None


def _edge(given: InlineEdge, declared: Collection[str], reader: Reader, number: int) -> Edge:
    at = ("edges", number)
    if given.role is not None and given.role not in declared:
        reader.fault(
            f"no agent knows the role {given.role!r}",
            *at,
            "role",
            fix=closest(given.role, declared, kind="role"),
        )
    condition = None
    if given.when is not None:
        try:
            condition = parse_condition(given.when, where=reader.where(*at, "when"))
        except InvalidFile as fault:
            reader.faults.append(fault)
    return Edge(given.source, given.to, given.role, condition, given.at_most)
