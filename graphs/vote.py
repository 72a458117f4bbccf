"""Vote: members answer side by side; a tiebreaker is asked where none of them wins.

START ──panel_member──▶ panel (several) ──▶ END
                          └──tiebreaker──▶ tiebreaker ──▶ END
                        if split and not majority

For a question with a few clear answers, where nobody should have the last word by rank.
"""

from typing import Any

from ensemble.graph.routing import majority, split
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="vote",
    edges=(
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "tiebreaker", Role.TIEBREAKER, when=split() & ~majority()),
        Edge("panel", END),
        Edge("tiebreaker", END),
    ),
    cast={
        "panel": ("mlops-engineer", "sre", "test-engineer"),
        "tiebreaker": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
