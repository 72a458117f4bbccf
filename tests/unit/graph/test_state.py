"""What flows through the graph: merged by key, read in an order of its own."""

import random

from ensemble.graph.findings import findings_of
from ensemble.graph.state import by_key, evidence_of, latest, turns_of
from ensemble.testing.panels import a_finding, a_state, a_turn, an_answer, an_evidence


def test_channels_merge_by_key_and_none_takes_a_key_out() -> None:
    merged = by_key({"b": 1, "a": 2}, {"c": 3, "b": None})

    assert list(merged.items()) == [("a", 2), ("c", 3)]


def test_turns_are_read_by_round_then_seat_then_place_whatever_order_they_came_in() -> None:
    turns = [
        a_turn("panel[2]", rank=0),
        a_turn("panel[10]", rank=0),
        a_turn("auditor", "auditor", rank=1),
        a_turn("panel[2]", rank=0, occurrence=1),
    ]

    for seed in range(10):
        shuffled = random.Random(seed).sample(turns, len(turns))  # noqa: S311 - an order
        assert turns_of(a_state(*shuffled)) == turns


def test_a_later_position_supersedes_and_an_audit_does_not() -> None:
    first = a_turn("panel[0]", answer=an_answer("promote"))
    audits = a_turn("panel[0]", "auditor", an_answer())
    later = a_turn("panel[0]", "advisee", an_answer("reject"), occurrence=1)
    lost = a_turn("panel[0]", "advisee", None, occurrence=2)

    assert latest([first, audits]) == [first, audits]
    assert latest([first, audits, later]) == [audits, later]
    assert latest([first, audits, later, lost]) == [audits, lost]


def test_what_an_advisee_says_is_later_whatever_order_it_came_in() -> None:
    answers = a_turn("panel[0]", answer=an_answer("promote"))
    yields = a_turn("panel[0]", "advisee", an_answer("reject"))
    audits = a_turn("auditor", "auditor", an_answer(), rank=1)

    turns = turns_of(a_state(yields, audits, answers))

    assert turns == [answers, audits, yields]
    assert latest(turns) == [audits, yields]


def test_findings_are_numbered_gates_apart_from_what_seats_raised() -> None:
    panel = a_turn("panel[0]", answer=an_answer("promote", findings=[a_finding("LOW", "typo")]))
    auditor = a_turn(
        "auditor", "auditor", an_answer(findings=[a_finding(), a_finding("HIGH")]), rank=1
    )
    measured = [an_evidence("L2", fit=None), an_evidence("L1", leak=False, labels=True)]

    findings = findings_of(a_state(auditor, panel, evidence=measured))

    assert [(f.id, f.severity, f.by, f.turn) for f in findings] == [
        ("G1", "CRITICAL", "lab", None),
        ("G2", "WARNING", "lab", None),
        ("F1", "LOW", "panel[0]", "panel[0]/panel_member#0"),
        ("F2", "CRITICAL", "auditor", "auditor/auditor#0"),
        ("F3", "HIGH", "auditor", "auditor/auditor#0"),
    ]
    assert "turn" not in findings[2].document()


def test_a_finding_raised_again_is_one_and_one_that_is_not_is_let_go() -> None:
    first = a_turn(
        "auditor", "auditor", an_answer(findings=[a_finding(), a_finding("LOW", "a typo")])
    )
    again = a_turn("auditor", "auditor", an_answer(findings=[a_finding()]), occurrence=1)

    found = findings_of(a_state(first, again))

    assert [(f.id, f.title, f.let_go) for f in found] == [
        ("F1", "a leak", False),
        ("F2", "a typo", True),
    ]
    assert (found[0].first, found[0].turn) == ("auditor/auditor#0", "auditor/auditor#1")


def test_evidence_is_read_by_number_not_by_letters() -> None:
    state = a_state(evidence=[an_evidence(f"L{n}") for n in (10, 9, 1)])

    assert [item["id"] for item in evidence_of(state)] == ["L1", "L9", "L10"]
