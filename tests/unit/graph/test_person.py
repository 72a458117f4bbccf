"""Questions to a person: which answer belongs to which, and what waits."""

from typing import Any

import pytest

from ensemble.errors import UsageError
from ensemble.graph.person import Question, brought, questions_open, sorted_out
from ensemble.journal.record import Event

WAITING = {
    question.key: question
    for question in (
        Question("panel[0]/panel_member#0/human#0", "?", ("ship", "hold")),
        Question("panel[1]/panel_member#0/human#0", "?", ("ship", "hold")),
        Question("chair/decision_maker#0/model#0", "?"),
    )
}
ONE = {"decision": Question("decision", "?", ("confirm", "refuse"))}


def event(name: str, key: str, **body: Any) -> Event:
    return Event(name, key, 0, 0.0, body)


@pytest.mark.parametrize(
    ("given", "key", "text"),
    [
        ("panel[0]=ship", "panel[0]/panel_member#0/human#0", "ship"),
        ("panel[1]/panel_member#0= hold: too early", "panel[1]/panel_member#0/human#0",
         "hold: too early"),
        ("chair=**Result**: a=b", "chair/decision_maker#0/model#0", "**Result**: a=b"),
    ],
)  # fmt: skip
def test_an_answer_goes_to_the_question_that_it_names(given: str, key: str, text: str) -> None:
    assert sorted_out([given], WAITING) == {key: text}


@pytest.mark.parametrize("given", ["confirm: a=b", "decision=confirm: a=b"])
def test_where_one_question_waits_it_need_not_be_named(given: str) -> None:
    assert sorted_out([given], ONE) == {"decision": "confirm: a=b"}


@pytest.mark.parametrize(
    ("given", "waiting", "told"),
    [
        ("ship", WAITING, "it is not said which question is answered"),
        ("panel=ship", WAITING, "several questions begin so"),
        ("panel[0]=shipp", WAITING, "did you mean 'ship'?"),
        ("maybe", ONE, "decision: 'maybe' is no answer"),
        ("confirm", {}, "no question waits"),
    ],
)
def test_an_answer_that_fits_no_question_is_refused_with_a_fix(
    given: str, waiting: dict[str, Question], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        sorted_out([given], waiting)

    assert told in str(refused.value)


def test_a_question_waits_until_it_is_answered_by_a_person_or_in_their_place() -> None:
    asked = {"question": "?", "choices": ["yes"]}
    events = [
        event("paused", "a/solo#0/human#0", request=asked),
        event("withdrawn", "a/solo#0/human#0"),
        event("paused", "b/solo#0/human#0", request=asked),
        event("person_answered", "b/solo#0/human#0", value="yes"),
        event("paused", "c/solo#0/model#0", value="a person has to answer"),
        event("paused", "d/solo#0/model#0", value="a person has to answer"),
        event("model_replied", "d/solo#0/model#0"),
    ]

    assert list(questions_open(events).values()) == [
        Question("a/solo#0/human#0", "?", ("yes",)),
        Question("c/solo#0/model#0", "a person has to answer"),
    ]


async def test_answers_brought_along_answer_their_own_question_alone() -> None:
    person = brought({"decision": "confirm"})

    assert await person(Question("decision", "?")) == "confirm"
    assert await person(Question("other", "?")) is None
    assert "--answer other='TEXT'" in str(Question("other", "?").pause("r-1"))
