"""Inputs: experts lay out options from their own fields, one seat decides.

START ──input_provider──▶ inputs (several) ──decision_maker──▶ decider ──▶ END

For a choice that one person in charge has to make, and several fields bear on: the inputs take
no position, so there is nothing to outvote.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="inputs",
    edges=(
        Edge(START, "inputs", Role.INPUT_PROVIDER),
        Edge("inputs", "decider", Role.DECISION_MAKER),  # waits for every input
        Edge("decider", END),
    ),
    cast={
        "inputs": ("database-engineer", "performance-engineer", "privacy-officer"),
        "decider": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
