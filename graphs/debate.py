"""Debate: a panel answers again as long as its auditor finds or measures something new.

START ──panel_member──▶ panel (several) ──auditor──▶ auditor ──decision_maker──▶ chair ──▶ END
                          ▲                             │
                          └───────────advisee───────────┘
                             if learned, at most 2

For a contested question that evidence can move. Opinions alone open no further round: what is
raised again is not learned.
"""

from typing import Any

from ensemble.graph.routing import learned
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="debate",
    edges=(
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),  # waits for every member
        Edge("auditor", "panel", Role.ADVISEE, when=learned(), at_most=2),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
    cast={
        "panel": ("data-scientist", "ml-engineer", "evaluation-scientist"),
        "auditor": "skeptic",
        "chair": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
