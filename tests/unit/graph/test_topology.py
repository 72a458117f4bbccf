"""Topologies as data: seats, roles, entries, and who decides."""

import pytest

from ensemble.graph.topology import END, START, Edge, Topology

DEBATE = Topology(
    "debate",
    (
        Edge(START, ("panel", "scout"), "panel_member"),
        Edge("panel", "auditor", "auditor"),
        Edge("auditor", "panel", "advisee", at_most=1),
        Edge("auditor", "chair", "decision_maker"),
        Edge("chair", END),
    ),
)


def test_seats_and_roles_are_listed_in_the_order_of_the_edges() -> None:
    assert DEBATE.seats == ("panel", "scout", "auditor", "chair")
    assert DEBATE.roles_of("panel") == ("panel_member", "advisee")
    assert [edge.targets for edge in DEBATE.out_of("auditor")] == [("panel",), ("chair",)]
    assert list(DEBATE.entries())[:3] == [
        ("panel", "panel_member"),
        ("panel", "advisee"),
        ("scout", "panel_member"),
    ]


@pytest.mark.parametrize(
    ("edges", "decider"),
    [
        (DEBATE.edges, "chair"),
        ((Edge(START, "expert", "solo"), Edge("expert", END)), "expert"),
        ((Edge(START, "panel", "panel_member"), Edge("panel", END)), None),
        ((Edge(START, "a", "solo"), Edge("a", "b", "advisee"), Edge("b", END)), None),
        ((Edge(START, ("a", "b"), "solo"), Edge("a", END), Edge("b", END)), None),
    ],
)
def test_who_decides_follows_from_the_roles(edges: tuple[Edge, ...], decider: str | None) -> None:
    assert Topology("any", edges).decider() == decider
