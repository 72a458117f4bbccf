"""Review: members answer side by side, an auditor attacks, a chair decides.

START ──panel_member──▶ panel (several) ──auditor──▶ auditor ──decision_maker──▶ chair ──▶ END

For a decision that must survive an attack: the auditor sees the answers without names.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="review",
    edges=(
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),  # waits for every member
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
    cast={
        "panel": ("ml-engineer", "mlops-engineer", "data-scientist"),
        "auditor": "skeptic",
        "chair": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return what LangGraph's own tools wait for: the compiled graph."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
