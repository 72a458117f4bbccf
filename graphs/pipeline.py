"""Pipeline: one phase after another, each reading what stands before it; the last decides.

START ──solo──▶ model ──gate_reviewer──▶ evaluation ──gate_reviewer──▶ privacy
                                                                         │
        END ◀── owner ◀──decision_maker── release ◀──gate_reviewer───────┘

For work that passes through hands in a fixed order. Agents whose files name their previous and
next phase make a pipeline of their own: `ensemble.graph.pipeline.pipeline_of`.
"""

from typing import Any

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role

topology = Topology(
    name="pipeline",
    edges=(
        Edge(START, "model", Role.SOLO),
        Edge("model", "evaluation", Role.GATE_REVIEWER),
        Edge("evaluation", "privacy", Role.GATE_REVIEWER),
        Edge("privacy", "release", Role.GATE_REVIEWER),
        Edge("release", "owner", Role.DECISION_MAKER),
        Edge("owner", END),
    ),
    cast={
        "model": "ml-engineer",
        "evaluation": "evaluation-scientist",
        "privacy": "privacy-officer",
        "release": "mlops-engineer",
        "owner": "senior-architect",
    },
)


def graph(config: dict[str, Any] | None = None) -> Any:
    """Return the compiled graph, for LangGraph's own tools."""
    from ensemble.scenarios.langgraph_json import compiled

    return compiled(topology, config)
