"""Panel: members answer side by side, a chair decides.

START ──panel_member──▶ panel (several) ──decision_maker──▶ chair ──▶ END

For a judgement that needs several fields and one accountable voice; the first round is blind.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="panel",
    edges=(
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "chair", Role.DECISION_MAKER),  # waits for every member
        Edge("chair", END),
    ),
    cast={
        "panel": ("ml-engineer", "mlops-engineer", "data-scientist"),
        "chair": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return what LangGraph's own tools wait for: the compiled graph."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
