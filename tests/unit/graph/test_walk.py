"""The way a run took: every edge that its turns show, and none that they do not."""

import pytest

from ensemble.graph.routing import Condition, found, split
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.walk import TurnSpan, walk_of
from ensemble.roles import Role

DEBATE = Topology(
    "debate",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "panel", Role.ADVISEE, when=found(), at_most=2),
        Edge("auditor", "breaker", Role.TIEBREAKER, when=split()),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("breaker", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)
UNEQUAL = Topology(
    "unequal",
    (
        Edge(START, ("a", "b"), Role.PANEL_MEMBER),
        Edge("a", "c", Role.DECISION_MAKER),
        Edge("b", "d", Role.AUDITOR),
        Edge("d", "c", Role.DECISION_MAKER),
        Edge("c", END),
    ),
)
AGAIN = Topology(
    "again",
    (
        Edge(START, "a", Role.SOLO),
        Edge("a", END, when=Condition("done", lambda _: True)),
        Edge("a", "a", Role.SOLO, at_most=2),
    ),
)


def turns(*keys: str) -> list[TurnSpan]:
    """Return turns that were taken one after another: `seat/role#occurrence`."""
    spans: list[TurnSpan] = []
    for number, key in enumerate(keys):
        seat, _, entry = key.partition("/")
        role, _, occurrence = entry.partition("#")
        spans.append(TurnSpan(seat, role, int(occurrence), 2 * number, 2 * number + 1))
    return spans


ONCE = ("panel/panel_member#0", "auditor/auditor#0")
TWICE = (*ONCE, "panel/advisee#0", "auditor/auditor#1")
CHAIR = "chair/decision_maker#0"


@pytest.mark.parametrize(
    ("topology", "keys", "taken"),
    [
        (DEBATE, (*ONCE, CHAIR), {0: 1, 1: 1, 4: 1, 6: 1}),
        (DEBATE, (*ONCE, "breaker/tiebreaker#0", CHAIR), {0: 1, 1: 1, 3: 1, 5: 1, 6: 1}),
        (DEBATE, (*TWICE, CHAIR), {0: 1, 1: 2, 2: 1, 4: 1, 6: 1}),
        (
            DEBATE,
            (*TWICE, "panel/advisee#1", "auditor/auditor#2", CHAIR),
            {0: 1, 1: 3, 2: 2, 4: 1, 6: 1},
        ),
        (
            UNEQUAL,
            ("a/panel_member#0", "b/panel_member#0", "d/auditor#0", "c/decision_maker#0"),
            {0: 1, 1: 1, 2: 1, 3: 1, 4: 1},
        ),
        (AGAIN, ("a/solo#0",), {0: 1, 1: 1}),
        (AGAIN, ("a/solo#0", "a/solo#1", "a/solo#2"), {0: 1, 1: 1, 2: 2}),
    ],
)
def test_an_edge_was_taken_where_the_seats_behind_it_were_entered(
    topology: Topology, keys: tuple[str, ...], taken: dict[int, int]
) -> None:
    walk = walk_of(topology, turns(*keys), decided=True)

    assert walk.taken == taken
    assert walk.entered == {key.partition("/")[0] for key in keys}


def test_members_side_by_side_take_one_edge_once_the_last_of_them_is_done() -> None:
    early, late = TurnSpan("panel", "panel_member", 0, 0, 1), TurnSpan(
        "panel", "panel_member", 0, 0, 5
    )  # fmt: skip
    audit = TurnSpan("auditor", "auditor", 0, 6, 7)

    walk = walk_of(DEBATE, [audit, late, early], decided=False)

    assert walk.taken == {0: 1, 1: 1}


def test_nothing_was_taken_out_of_a_seat_that_is_not_done() -> None:
    waits = TurnSpan("panel", "panel_member", 0, 0)

    walk = walk_of(DEBATE, [waits], decided=False)

    assert walk.taken == {0: 1}
    assert walk.entered == {"panel"}


def test_an_undecided_run_has_not_ended() -> None:
    walk = walk_of(DEBATE, turns(*ONCE, CHAIR), decided=False)

    assert walk.taken == {0: 1, 1: 1, 4: 1}
