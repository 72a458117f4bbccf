"""Escalate: one expert answers; a panel and a chair are asked only where it is in doubt.

START ──solo──▶ expert ──▶ END
                  └──panel_member──▶ panel (several) ──decision_maker──▶ chair ──▶ END
                if unsure or escalates

For many questions of which most are easy: the panel is paid for by the hard ones alone.
"""

from typing import Any

from ensemble.graph.routing import escalates, unsure
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="escalate",
    edges=(
        Edge(START, "expert", Role.SOLO),
        Edge("expert", "panel", Role.PANEL_MEMBER, when=unsure() | escalates()),
        Edge("expert", END),
        Edge("panel", "chair", Role.DECISION_MAKER),  # waits for every member
        Edge("chair", END),
    ),
    cast={
        "expert": "ml-engineer",
        "panel": ("data-scientist", "evaluation-scientist", "mlops-engineer"),
        "chair": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
