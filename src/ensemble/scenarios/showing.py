"""An agent shown before any model is called: what it is told, its tools, its models."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ensemble.agents.casting import cast
from ensemble.agents.library import Agent, load_agents
from ensemble.agents.prompt import PREAMBLE, Standing, persona_part
from ensemble.config import load_settings
from ensemble.errors import UsageError
from ensemble.graph.seating import wanted_of
from ensemble.graph.topology import Topology
from ensemble.models.cost import text_tokens
from ensemble.models.probes import Probes
from ensemble.models.selection import resolve
from ensemble.roles import Role
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.performance import wishes_of


def agent_named(name: str | None) -> Agent:
    """Return the project's agent called `name`.

    Raises:
        UsageError: no name was given.
    """
    library = load_agents()
    if name is None:
        raise UsageError(
            "an agent's name is missing", where="NAME", fix=f"one of: {', '.join(library)}"
        )
    return library.find(name, where="NAME")


def shown(agent: Agent, role: str | None = None) -> dict[str, Any]:
    """Return the agent as a turn would use it, the task left out.

    `prompt` is the whole text that a model would get, `tokens` about how long that is,
    `file_tokens` the same of the file.
    """
    chosen = role or agent.spec.ensemble_roles.default or "solo"
    casting = cast(agent, chosen, where="--role")
    wanted = wanted_of(casting, findings=("F1",))
    alone = chosen == Role.SOLO
    readers = () if alone or chosen == Role.DECISION_MAKER else ("the next seat",)
    own = persona_part(casting, Standing(readers, alone=alone), wanted)
    prompt = f"{PREAMBLE}\n\n{own}"
    whole = Path(agent.path).read_text(encoding="utf-8", errors="replace")
    return {
        "schema": "ensemble/agent@1",
        "name": agent.name,
        "version": agent.spec.version,
        "sha256": agent.sha256,
        "path": agent.path,
        "role": casting.role,
        "role_declared": casting.role in agent.spec.ensemble_roles.roles,
        "mode": casting.mode,
        "tool_mode": casting.tool_mode,
        "tools": list(casting.tools),
        "escalation": agent.spec.escalation.model_dump(mode="json"),
        "claimed_audit": agent.spec.audit,
        "tokens": text_tokens(prompt),
        "file_tokens": text_tokens(whole),
        "prompt": prompt,
    }


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
