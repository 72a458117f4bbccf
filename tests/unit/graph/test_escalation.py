"""When a turn hands over, to whom, and what fires it."""

from typing import Any

import pytest

from ensemble.agents.casting import cast
from ensemble.graph.escalation import escalation_of, resolved
from ensemble.testing.panels import a_turn, an_agent, an_answer, an_evidence

TRIGGERS = [
    "Model performance below the acceptance criteria",
    "Data drift detected exceeding monitoring thresholds",
    "Cross-domain expertise required",
    "The accuracy that was agreed is the budget's owner's to change",
]


def handed_over(
    answer: dict[str, Any], *evidence: dict[str, Any], weak: bool = False, **escalation: Any
) -> Any:
    given = {"escalate_to": "boss or human", "triggers": TRIGGERS, **escalation}
    agent = an_agent(escalation=given, human_decisions_required={"always": ["going live"]})
    turn = a_turn("expert", "solo", answer, weak=weak)
    return escalation_of(turn, cast(agent, "solo", where="here"), evidence, {"boss"})


def gate(tool: str, *, passed: bool | None) -> dict[str, Any]:
    return {**an_evidence(fit=passed), "tool": tool}


@pytest.mark.parametrize(
    ("answer", "threshold", "escalates"),
    [
        ({"confidence": "low"}, 0.6, True),
        ({"confidence": "medium"}, 0.6, False),
        ({"confidence": "medium"}, 0.7, True),
        ({"confidence": "high", "probability": 0.55}, 0.6, True),
        ({"confidence": "low"}, 0, False),
        ({"confidence": "high", "probability": 0.6}, 0.6, False),
    ],
)
def test_an_answer_less_sure_than_its_file_asks_hands_over(
    answer: dict[str, Any],
    threshold: float,
    escalates: bool,  # noqa: FBT001
) -> None:
    told = handed_over(an_answer("promote", **answer), confidence_threshold=threshold)

    assert (told is not None) is escalates
    if told:
        assert (told["to"], told["resolved"]) == ("boss or human", "boss")
        assert told["calibration"] == "uncalibrated"
        assert told["because"][0].startswith("confidence ")


def test_a_trigger_that_the_answer_names_hands_over_however_sure_it_is() -> None:
    told = handed_over(an_answer("promote", escalates=["T3", "H1"]))

    assert told["because"] == [TRIGGERS[2], "a person must decide: going live"]
    assert told["reserved"] == ["a person must decide: going live"]


@pytest.mark.parametrize(
    ("tool", "passed", "fired"),
    [
        ("evaluate", False, TRIGGERS[0]),
        ("check_drift", False, TRIGGERS[1]),
        ("evaluate", True, None),
        ("check_fairness", False, None),
        ("evaluate", None, None),
    ],
)
def test_a_failed_gate_fires_the_trigger_that_speaks_of_it(
    tool: str,
    passed: bool | None,  # noqa: FBT001
    fired: str | None,
) -> None:
    told = handed_over(an_answer("promote"), gate(tool, passed=passed))

    assert (told and told["because"]) == (fired and [f"{fired}: gate fit (L1) failed"])


def test_the_embedded_models_words_hand_nothing_over_but_a_gate_does() -> None:
    unsure = an_answer("promote", confidence="low", escalates=["T3"])

    assert handed_over(unsure, weak=True) is None
    told = handed_over(unsure, gate("evaluate", passed=False), weak=True)
    assert told["because"] == [f"{TRIGGERS[0]}: gate fit (L1) failed"]


@pytest.mark.parametrize(
    ("targets", "to"),
    [
        ((), "human"),
        (("a", "b"), "b"),
        (("x", "human"), "human"),
        (("x", "y"), "x"),
        (("human", "b"), "human"),
        (("human",), "human"),
    ],
)
def test_who_takes_over_is_the_first_who_is_there_else_the_first_named(
    targets: tuple[str, ...], to: str
) -> None:
    assert resolved(targets, {"b"}) == to
