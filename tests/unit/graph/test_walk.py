"""The way a run took: what it counted, laid on the edges of its topology."""

from typing import Final

import pytest

from ensemble.graph.routing import found
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.walk import edges_taken, taken_into, walk_of
from ensemble.roles import Role

DEBATE: Final = Topology(
    "debate",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "panel", Role.ADVISEE, when=found(), at_most=2),
        Edge("chair", END),
        Edge("auditor", "chair", Role.DECISION_MAKER),
    ),
)


def test_what_else_a_run_counts_is_no_edge() -> None:
    counts = {"START/0": 1, "panel/waves": 2, "auditor/1": 1, "auditor/2": 1}

    taken = edges_taken(DEBATE, counts)

    assert taken == {"START/0": 1, "auditor/1": 1}


@pytest.mark.parametrize(
    ("seat", "role", "via"),
    [
        ("panel", Role.PANEL_MEMBER, {"START/0": 1}),
        ("panel", Role.ADVISEE, {"auditor/0": 2}),
        ("auditor", Role.AUDITOR, {"panel/0": 3}),
        ("chair", Role.DECISION_MAKER, {}),
    ],
)
def test_a_seat_is_entered_by_the_edges_of_its_role(
    seat: str, role: str, via: dict[str, int]
) -> None:
    counts = {"START/0": 1, "panel/0": 3, "auditor/0": 2}

    assert taken_into(DEBATE, seat, role, counts) == via


def test_a_walk_is_the_most_that_was_counted_of_each_edge() -> None:
    told = [{"START/0": 1}, {"auditor/0": 2}, {"auditor/0": 1, "auditor/1": 1}]

    walk = walk_of(DEBATE, told, entered=["panel", "panel", "auditor"], lost=["panel"])

    assert walk.taken == {0: 1, 2: 2, 4: 1}
    assert walk.entered == {"panel", "auditor"}
    assert walk.lost == {"panel"}
