"""Solo: one expert carries it alone.

START ──solo──▶ expert ──▶ END

For an everyday question, and as the yardstick that a panel has to beat.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="solo",
    edges=(
        Edge(START, "expert", Role.SOLO),
        Edge("expert", END),
    ),
    cast={"expert": "ml-engineer"},
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return what LangGraph's own tools wait for: the compiled graph."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
