"""A run counted beforehand, as a table and as a document."""

from dataclasses import replace

from ensemble.graph.bounds import Bounds, TurnBound
from ensemble.graph.run_context import Limits
from ensemble.report.bounds_text import as_document, as_text

FIRST = TurnBound("panel[0]", "panel_member", "skeptic", "test/model", 1, 20, 900, 9000, 0.25, 5.0)
SECOND = TurnBound("chair", "decision_maker", "senior-architect", None, 1, 4, 100, 1000, None, None)
LIMITS = Limits(wall_s=60, usd=0.5, model_calls=9)


def test_the_table_of_a_plan() -> None:
    text = as_text(Bounds((FIRST, SECOND), 2.0, 7200.0), LIMITS)

    assert text.splitlines() == [
        "turn                      agent             asks first  calls  at worst  tokens",
        "panel[0] as panel_member  skeptic           test/model  1      20        900",
        "chair as decision_maker   senior-architect  no model    1      4         100",
        "",
        (
            "clean case: 2 model calls, about 1000 tokens, price unknown, 2 s, "
            "about 1 s a turn assumed"
        ),
        "worst case: 24 model calls, about 10000 tokens, price unknown, 7200 s",
        "limits while it runs: wall_s 60, usd 0.5, model_calls 9; none on tokens, lab_s, turn_s",
    ]


def test_a_person_stands_in_the_table_and_asks_nobody() -> None:
    people = [("person", "decision_maker")]

    text = as_text(Bounds((FIRST,)), LIMITS, people)
    document = as_document(Bounds((FIRST,)), LIMITS, people)

    assert text.splitlines()[2] == "person as decision_maker  human    a person"
    assert document["people"] == [{"path": "person", "role": "decision_maker"}]


def test_where_nothing_is_limited_the_plan_says_so() -> None:
    text = as_text(Bounds((FIRST,)), Limits(wall_s=None, model_calls=None))

    assert text.splitlines()[-1] == (
        "limits while it runs: none on wall_s, usd, tokens, model_calls, lab_s, turn_s"
    )


def test_money_is_named_where_every_price_is_known() -> None:
    text = as_text(Bounds((FIRST, replace(SECOND, clean_usd=0.5, worst_usd=2.5))), LIMITS)

    assert "about 1000 tokens, 0.7500 USD" in text
    assert "about 10000 tokens, 7.5000 USD, as long as a person takes" in text


def test_the_document_of_a_plan() -> None:
    document = as_document(Bounds((FIRST, SECOND), 2.0, 7200.0), LIMITS)

    assert document["schema"] == "ensemble/plan@1"
    assert document["clean"] == {
        "model_calls": 2,
        "tokens": 1000,
        "usd": None,
        "wall_s": 2.0,
    }
    assert document["worst"] == {
        "model_calls": 24,
        "tokens": 10000,
        "usd": None,
        "wall_s": 7200.0,
    }
    assert document["limits"]["usd"] == 0.5
    assert [turn["path"] for turn in document["turns"]] == ["panel[0]", "chair"]
