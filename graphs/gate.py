"""Gate: an author proposes, a gate reviewer blocks or advises, a person signs.

START ──solo──▶ author ──gate_reviewer──▶ reviewer ──decision_maker──▶ person ──▶ END

For what nobody may do on a model's word alone. The run pauses until the person has answered.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="gate",
    edges=(
        Edge(START, "author", Role.SOLO),
        Edge("author", "reviewer", Role.GATE_REVIEWER),
        Edge("reviewer", "person", Role.DECISION_MAKER),
        Edge("person", END),
    ),
    cast={
        "author": "mlops-engineer",
        "reviewer": "security-auditor",
        "person": "human",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
