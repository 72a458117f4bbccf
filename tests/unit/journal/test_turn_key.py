"""Keys of turns and of calls in them: read and written."""

import pytest

from ensemble.journal.turn_key import TurnKey, place_of


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("panel[10]/panel_member#2", TurnKey("panel[10]", "panel_member", 2)),
        ("panel[0]/panel_member#0/model#3", TurnKey("panel[0]", "panel_member", 0, "model#3")),
        ("chair/decision_maker#0/human#0", TurnKey("chair", "decision_maker", 0, "human#0")),
        ("decision", TurnKey("decision")),
    ],
)
def test_a_key_is_read_and_written_as_it_was(key: str, parts: TurnKey) -> None:
    read = TurnKey.read(key)

    assert read == parts
    assert str(read) == key


@pytest.mark.parametrize("key", ["lab#1/5f3a", "owner#2", "mine/own#words/x", ""])
def test_any_other_key_is_read_without_a_fault(key: str) -> None:
    assert TurnKey.read(key).path == key.partition("/")[0]


def test_a_call_of_a_model_is_told_from_the_turn_that_it_belongs_to() -> None:
    turn = TurnKey("panel[1]", "panel_member")

    call = TurnKey.read(turn.of_model(4))

    assert (call.turn, call.is_of_model) == (str(turn), True)
    assert not turn.is_of_model
    assert not TurnKey.read("chair/decision_maker#0/human#0").is_of_model


def test_places_are_sorted_by_number_not_by_letter() -> None:
    paths = ["panel[10]", "panel[9]", "chair", "panel"]

    assert sorted(paths, key=place_of) == ["chair", "panel", "panel[9]", "panel[10]"]
