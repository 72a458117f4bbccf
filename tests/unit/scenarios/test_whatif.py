"""What-if over the shipped recordings: what rests on whom, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ensemble.errors import Diverged, InvalidFile, UsageError
from ensemble.graph.confirmation import confirmed
from ensemble.graph.whatif import Change
from ensemble.journal.record import Event
from ensemble.report.whatif_text import whatif_text
from ensemble.scenarios.whatif import change_of, what_if

if TYPE_CHECKING:
    from conftest import Rewrite, Shipped

PANEL = ("panel[0]", "panel[1]", "panel[2]")


def by_change(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    rows: list[dict[str, Any]] = [r for rows in document["alternatives"].values() for r in rows]
    return {row["change"]: (row["position"], row["authority"]) for row in rows}


def decided(events: Sequence[Event], **changes: Any) -> list[Event]:
    return [
        replace(e, body={"value": {**e.value, **changes}}) if e.event == "decided" else e
        for e in events
    ]


def test_the_experts_decision_loses_authority_with_its_chair_alone(shipped: "Shipped") -> None:
    document = what_if(shipped("expert"))

    came = by_change(document)
    assert [came[f"without {path}"][1] for path in (*PANEL, "auditor", "chair")] == [
        *["decided"] * 4,
        "advisory",
    ]
    assert document["flip_rate"]["seats"] == {"of": 5, "position": 0, "authority": 1}
    shares = {row["seat"]: row["share"] for row in document["alternatives"]["seats"]}
    assert shares["chair"] > shares["panel[0]"] > shares["auditor"] == 0


def test_what_a_seat_alone_found_and_who_read_it_is_told(shipped: "Shipped") -> None:
    (first, *_, auditor, _) = what_if(shipped("expert"))["alternatives"]["seats"]

    assert first["findings"] == ["F1", "F2", "F3"]
    assert first["in_sight_of"] == ["auditor/auditor#0", "chair/decision_maker#0"]
    assert auditor["findings"] == ["F10", "F11"]


def test_a_decision_that_gates_fixed_turns_only_when_they_all_pass(shipped: "Shipped") -> None:
    came = by_change(what_if(shipped("base")))

    turned = [change for change, (position, _) in came.items() if position == "promote"]
    assert len(turned) == 1
    assert turned[0].count("passes") == 4


def test_what_is_asked_is_changed_together(shipped: "Shipped") -> None:
    asked = change_of(["panel[0]"], "majority", 3, ["test/claim_holds=0.97"])

    document = what_if(shipped("base"), asked)

    (row,) = document["alternatives"]["asked"]
    assert row["change"] == "without panel[0]; rule majority; quorum 3; test/claim_holds at 0.97"
    assert row["authority_reasons"][0] == "2 of 2 answered, the quorum is 3"
    assert "G4" not in str(row["authority_reasons"])
    assert "with their words in sight: auditor/auditor#0" in whatif_text(document)


def test_a_decision_by_other_rules_is_not_taken_for_todays(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    folder = shipped("base")
    rewrite(folder, lambda events: decided(events, authority="decided"))

    with pytest.raises(Diverged, match="field: authority\n  recorded: decided\n  now: advisory"):
        what_if(folder)


def test_a_persons_word_is_on_the_recorded_decision_alone(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    folder = shipped("clean")

    def refused(events: list[Event]) -> list[Event]:
        made = next(e.value for e in events if e.event == "decided")
        word = Event("person_answered", "decision", 0, 1.0, {"value": "refuse: not yet"})
        told = decided(events, **confirmed(made, word.value))
        return [*told[:-2], word, *told[-2:]]

    rewrite(folder, refused)
    document = what_if(folder)

    assert document["recorded"]["position"] == "promote"
    assert any("a person had the last word" in note for note in document["notes"])


def test_a_run_without_a_decision_has_nothing_to_ask_about(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    folder = shipped("base")
    rewrite(folder, lambda events: events[:-2])

    with pytest.raises(InvalidFile, match="does not say what was decided"):
        what_if(folder)


@pytest.mark.parametrize(
    ("gates", "change"),
    [
        ([], None),
        (["a/b=0.5"], Change(gates={"a/b": 0.5})),
        (["a/b=pass", "a/c=fail"], Change(gates={"a/b": True, "a/c": False})),
    ],
)
def test_gates_are_read_as_they_are_written(gates: list[str], change: Change | None) -> None:
    assert change_of([], None, None, gates) == change


@pytest.mark.parametrize("item", ["a/b", "a/b=", "a/b=high", "a/b=nan"])
def test_a_gate_without_a_threshold_is_refused(item: str) -> None:
    with pytest.raises(UsageError, match="names no threshold"):
        change_of([], None, None, [item])
