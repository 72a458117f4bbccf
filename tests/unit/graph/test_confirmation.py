"""When a person has the last word, and what their word makes of a decision."""

from typing import Any

import pytest

from ensemble.graph.confirmation import confirmation, confirmed
from ensemble.graph.decision import decide
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.testing.panels import a_state, a_turn, an_agent, an_answer, an_ensemble, an_evidence

SOLO = Topology("solo", (Edge(START, "expert", "solo"), Edge("expert", END)))


def seated(**frontmatter: Any) -> Ensemble:
    return an_ensemble(SOLO, {"expert": an_agent(**frontmatter)})


def spoken(**escalation: Any) -> Turn:
    return a_turn("expert", "solo", an_answer("promote"), escalation=escalation or None)


def asked(ensemble: Ensemble, turn: Turn) -> Any:
    state = a_state(turn)
    return confirmation(ensemble, state, decide(ensemble, state))


def test_an_agent_that_nobody_relies_on_needs_no_confirmation() -> None:
    assert asked(seated(), spoken()) is None


@pytest.mark.parametrize(
    ("frontmatter", "escalation", "why"),
    [
        ({"load_bearing": True}, {}, "is load-bearing"),
        ({}, {"reserved": ["a person must decide: going live"]}, "going live"),
        ({}, {"resolved": "human", "because": ["confidence low"]}, "hands over to a person"),
    ],
)
def test_a_person_is_asked_with_the_reason(
    frontmatter: dict[str, Any], escalation: dict[str, Any], why: str
) -> None:
    question = asked(seated(**frontmatter), spoken(**escalation))

    assert why in question.text
    assert question.choices == ("confirm", "refuse", "reject")


def test_a_hand_over_to_another_agent_asks_nobody() -> None:
    assert asked(seated(), spoken(resolved="skeptic", because=["confidence low"])) is None


@pytest.mark.parametrize(
    ("said", "position", "authority", "reason"),
    [
        ("confirm: seen", "promote", "decided", None),
        ("refuse: not now", None, "void", "a person refused it: not now"),
        ("reject: it leaks", "reject", "decided", "a person decided reject instead: it leaks"),
    ],
)
def test_the_word_of_a_person_stands(
    said: str, position: str | None, authority: str, reason: str | None
) -> None:
    made = decide(seated(), a_state(spoken()))

    after = confirmed(made, said)

    assert after["decision"]["position"] == position
    assert after["authority"] == authority
    assert after["authority_reasons"] == ([reason] if reason else [])
    assert after["decision"]["confirmed"]["by"] == "human"
    assert bool(after["decision"]["overrides"]) is (reason is not None)


def test_a_gate_that_fixed_the_position_asks_nobody_for_the_decider() -> None:
    ensemble = an_ensemble(SOLO, {"expert": an_agent()}, rules=Rules(on_gate_failed="reject"))
    turn = spoken(resolved="human", because=["confidence low"])
    state = a_state(turn, evidence=[an_evidence(leak=False)])

    assert confirmation(ensemble, state, decide(ensemble, state)) is None


def test_only_who_decides_is_confirmed_and_also_where_they_are_lost() -> None:
    review = Topology(
        "panel",
        (
            Edge(START, "panel", "panel_member"),
            Edge("panel", "chair", "decision_maker"),
            Edge("chair", END),
        ),
    )
    heavy = an_agent("heavy", load_bearing=True)
    member = a_turn("panel", answer=an_answer("promote"))
    chair = a_turn("chair", "decision_maker", an_answer("promote"), rank=1)
    lost = a_turn("chair", "decision_maker", None, rank=1)

    def asked_of(cast: dict[str, Any], *turns: Turn) -> Any:
        ensemble, state = an_ensemble(review, cast), a_state(*turns)
        return confirmation(ensemble, state, decide(ensemble, state))

    assert asked_of({"panel": heavy}, member, chair) is None
    assert asked_of({"chair": heavy}, member, chair) is not None
    assert asked_of({"chair": heavy}, member, lost) is not None
