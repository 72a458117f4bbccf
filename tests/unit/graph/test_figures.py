"""Figures that an answer states: which of them rest on something."""

from typing import Any

import pytest

from ensemble.answers.answer import Answer
from ensemble.graph.figures import unmeasured
from ensemble.testing.panels import an_answer, an_evidence

GIVEN = ["Promote? The readme claims 0.9947.", "epochs = 1,797"]
MEASURED = {**an_evidence(fit=True), "value": {"test_accuracy": 0.9318, "rows": 682}}


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ("Accuracy is 0.87.", ["0.87"]),
        ("It is 93.2 % on held-out rows.", []),
        ("It is 94.2 %.", ["94.2%"]),
        ("The claim of 0.9947 fell.", []),
        ("Latency is 12 ms, memory 3 GB.", ["12", "3"]),
        ("L1 shows 0.87.", []),
        ("L1 shows 0.87. And 0.86 elsewhere.", ["0.86"]),
        ("See train.py:17, version 1.2.3 and step 4.", []),
        ("Use `lr=0.001`.\n```\nx = 0.5\n```", []),
        ("682 rows of 1,797, so 0.5 % and 0.5 %.", ["0.5%"]),
    ],
)
def test_a_figure_rests_on_evidence_on_the_inputs_or_on_nothing(
    said: str, figures: list[str]
) -> None:
    answer = Answer.model_validate(an_answer("promote", said)).model_dump(mode="json")

    assert unmeasured(answer, GIVEN, [MEASURED]) == figures


def test_whatever_part_of_an_answer_states_a_figure_is_read() -> None:
    finding = {
        "severity": "HIGH",
        "title": "a gap of 0.81",
        "location": "train.py:17.5 s",
        "issue": "it took 0.82 s",
        "impact": "0.83 % fewer",
        "recommendation": "try 0.84",
    }
    parts: Any = {
        "verification": "look for 0.85",
        "uncertainty": ["0.86 of it"],
        "findings": [finding],
    }
    answer = Answer.model_validate(an_answer("promote", **parts)).model_dump(mode="json")

    assert unmeasured(answer, [], []) == ["0.85", "0.86", "0.81", "0.82", "0.83%"]


def test_a_claim_that_names_its_evidence_is_not_looked_at() -> None:
    claims = [{"text": "0.87 holds", "evidence": "L1"}, {"text": "0.86 holds"}]
    answer = Answer.model_validate(an_answer("promote", claims=claims)).model_dump(mode="json")

    assert unmeasured(answer, [], []) == ["0.86"]
