"""Revise: an author answers, an auditor sends back what does not hold, twice at most.

START ──solo──▶ author ──auditor──▶ auditor ──▶ END
                  ▲                    │
                  └──────advisee───────┘
                 if found WARNING, at most 2

For work that one expert can do and a second can check: the answer is the author's last.
"""

from typing import Any

from ensemble.graph.routing import found
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role, Severity

topology = Topology(
    name="revise",
    edges=(
        Edge(START, "author", Role.SOLO),
        Edge("author", "auditor", Role.AUDITOR),
        Edge("auditor", "author", Role.ADVISEE, when=found(Severity.WARNING), at_most=2),
        Edge("auditor", END),
    ),
    cast={
        "author": "ml-engineer",
        "auditor": "skeptic",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
