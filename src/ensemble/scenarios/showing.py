"""What is shown before any model is called: an agent, its chain of models, a drawing."""

from dataclasses import asdict
from typing import Any

from ensemble.agents.library import Agent, load_agent, load_agents
from ensemble.config import load_settings
from ensemble.errors import UsageError
from ensemble.graph.topology import Topology
from ensemble.models.probes import Probes
from ensemble.models.selection import resolve
from ensemble.scenarios.agent_view import shown
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.performance import wishes_of


def agent_named(name: str | None) -> Agent:
    """Return the project's agent called `name`, or the one in the file of that path.

    Raises:
        UsageError: no name was given.
    """
    if name is not None and ("/" in name or name.endswith((".md", ".toml"))):
        return load_agent(name)
    library = load_agents()
    if name is None:
        raise UsageError(
            "an agent's name is missing", where="NAME", fix=f"one of: {', '.join(library)}"
        )
    return library.find(name, where="NAME")


def agent_view(name: str | None, role: str | None, **given: Any) -> dict[str, Any]:
    """Return an agent of the project, or of a file, as a turn would use it."""
    return shown(agent_named(name), load_agents(), role, **given)


async def chain_of(name: str | None) -> list[dict[str, Any]]:
    """Return an agent's chain as it would be asked here and now; without a name, every agent's."""
    agents = list(load_agents().values()) if name is None else [agent_named(name)]
    settings, probes = load_settings(), Probes()
    chains: list[dict[str, Any]] = []
    for agent in agents:
        chain = await resolve(wishes_of(agent.spec), settings=settings, probes=probes)
        chains.append({"agent": agent.name, "chain": [asdict(item) for item in chain]})
    return chains


def drawn(graph: str) -> tuple[Topology, dict[str, list[str]] | None, list[str] | None]:
    """Return what a drawing shows: topology, who sits where, and which seats may ask the lab.

    A scenario's cast is shown; a graph by itself has its own.
    """
    if not graph.endswith((".yaml", ".yml")):
        return find_topology(graph, where="GRAPH"), None, None
    ensemble = load_scenario(graph).ensemble
    seats = ensemble.topology.seats
    members = {name: [member.agent.name for member in ensemble.at(name)] for name in seats}
    asking = [
        member.seat
        for member, role in ensemble.nodes()
        if ensemble.tools and ensemble.castings[member.path, role].tool_mode
    ]
    return ensemble.topology, members, asking
