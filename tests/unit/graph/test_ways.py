"""Where a run goes next, as a function of the state alone."""

from typing import Any, Final

import pytest

from ensemble.graph.routing import Condition, found
from ensemble.graph.state import EnsembleState, Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.ways import BEGIN, DECISION, Ways
from ensemble.roles import Role
from ensemble.testing.panels import a_state, a_turn, an_ensemble

DIAMOND: Final = Topology(
    "diamond",
    (
        Edge(START, ("a", "b"), Role.PANEL_MEMBER),
        Edge("a", "c", Role.DECISION_MAKER),
        Edge("b", "d", Role.AUDITOR),
        Edge("d", "c", Role.DECISION_MAKER),
        Edge("c", "a", Role.ADVISEE, when=found(), at_most=1),
        Edge("c", END),
    ),
)
PANEL: Final = Topology(
    "panel",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "chair", Role.DECISION_MAKER, when=Condition("always", lambda _: True)),
        Edge("chair", END),
    ),
)


def under_way(*names: str, **parts: Any) -> EnsembleState:
    return EnsembleState(task="t", entered={name: {} for name in names}, **parts)


@pytest.mark.parametrize(
    ("node", "others", "waits"),
    [
        ("c@decision_maker", ["b@panel_member"], True),
        ("c@decision_maker", ["d@auditor"], True),
        ("c@decision_maker", ["a@panel_member"], True),
        ("c@decision_maker", [], False),
        ("d@auditor", ["c@decision_maker"], False),
        ("d@auditor", ["a@panel_member"], False),
        ("a@advisee", ["c@decision_maker"], False),
        ("a@panel_member", ["b@panel_member"], False),
    ],
)
def test_a_node_waits_for_an_earlier_seat_that_still_leads_to_it(
    node: str,
    others: list[str],
    waits: bool,  # noqa: FBT001
) -> None:
    ways = Ways(an_ensemble(DIAMOND))

    assert ways.held_back(node, under_way(node, *others)) == ([node] if waits else None)


def test_of_two_seats_that_lead_to_each_other_one_goes_first() -> None:
    ways = Ways(an_ensemble(DIAMOND))
    state = under_way("a@advisee", "c@decision_maker")

    held = [ways.held_back(node, state) for node in ("a@advisee", "c@decision_maker")]

    assert held == [None, ["c@decision_maker"]]


def test_only_nodes_that_may_have_to_wait_are_deferred() -> None:
    ways = Ways(an_ensemble(DIAMOND))

    waiting = {name for name in ways.nodes if ways.may_wait(name)}

    assert waiting == {"c@decision_maker", "d@auditor"}


def test_a_seat_of_several_joins_when_its_last_member_is_done() -> None:
    ways = Ways(an_ensemble(PANEL, {"panel": 2}))

    early = ways.held_back("panel@next", under_way("panel@next", "panel[1]@panel_member"))
    late = ways.held_back("panel@next", under_way("panel@next"))

    assert ways.joins == ["panel@next"]
    assert early == ["panel@next"]
    assert late is None


def test_a_seat_of_one_needs_no_join() -> None:
    assert Ways(an_ensemble(PANEL)).joins == []


def test_an_edge_is_counted_when_it_is_taken() -> None:
    ways = Ways(an_ensemble(Topology("loop", (
        Edge(START, "a", Role.SOLO),
        Edge("a", "a", Role.SOLO, at_most=2),
        Edge("a", END),
    ))))  # fmt: skip
    counts: list[tuple[list[str], dict[str, int]]] = []
    taken: dict[str, int] = {}

    for _ in range(3):
        update = ways.onward("a@solo", EnsembleState(task="t", taken=taken))
        taken = {**taken, **update["taken"]}
        counts.append((update["led"]["a@solo"], taken))

    assert counts == [
        (["a@solo"], {"a/0": 1}),
        (["a@solo"], {"a/0": 2}),
        ([DECISION], {"a/0": 2, "a/1": 1}),
    ]


def test_members_who_leave_by_themselves_take_their_seats_edge_once_a_visit() -> None:
    ensemble = an_ensemble(DIAMOND, {"b": 2})
    taken: dict[str, int] = {}
    turns: list[Turn] = []
    counts: list[dict[str, int]] = []

    for visit in range(2):
        for member in ("b[0]", "b[1]"):
            turns.append(a_turn(member, occurrence=visit))
            state = EnsembleState(task="t", taken=taken, turns=a_state(*turns)["turns"])
            update = Ways(ensemble).onward(f"{member}@panel_member", state)
            taken = {**taken, **update["taken"]}
            counts.append(taken)

    assert counts == [{"b/0": 1}, {"b/0": 1}, {"b/0": 2}, {"b/0": 2}]


def test_nothing_begins_while_a_person_is_waited_for_but_a_trip_to_the_lab_is_ended() -> None:
    ways = Ways(an_ensemble(DIAMOND))
    state = EnsembleState(
        task="t",
        entered={"a@panel_member": {"paused": True}, "b@panel_member": {}},
        asking={"b@panel_member": {"action": None}},
    )

    assert ways.held_back("d@auditor", state) == []
    assert ways.held_back("b@panel_member", state) is None
    assert ways.held_back("a@panel_member", state) == []
    assert ways.under_way(state) is False


def test_where_no_edge_of_the_start_holds_the_decision_comes_at_once() -> None:
    never = Condition("never", lambda _: False)
    topology = Topology("shut", (Edge(START, "a", Role.SOLO, when=never), Edge("a", END)))
    ways = Ways(an_ensemble(topology))

    update = ways.onward(BEGIN, EnsembleState(task="t"))

    assert update["led"] == {BEGIN: [DECISION]}
    assert update["entered"] == {}
    assert ways.first() == ["a@solo", DECISION]


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        (BEGIN, ["a@panel_member", "b@panel_member"]),
        ("a@panel_member", ["a@panel_member", "lab", "c@decision_maker"]),
        ("c@decision_maker", ["c@decision_maker", "lab", "a@advisee", DECISION]),
    ],
)
def test_a_node_is_drawn_with_the_ways_it_can_take(name: str, reach: list[str]) -> None:
    ways = Ways(an_ensemble(DIAMOND))

    assert (ways.first() if name == BEGIN else ways.reach_of(name)) == reach
