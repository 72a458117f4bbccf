"""When a person has the last word, and what their word makes of a decision."""

from typing import Any

import pytest

from ensemble.graph.confirmation import confirmation, confirmed
from ensemble.graph.decision import decide
from ensemble.graph.seating import Ensemble
from ensemble.graph.state import Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.testing.panels import a_state, a_turn, an_agent, an_answer, an_ensemble

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
