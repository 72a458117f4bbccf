"""Conditions on edges: what they hold on, and how they say so when put together."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.graph.condition_text import CONDITIONS
from ensemble.graph.routing import (
    Condition,
    escalates,
    found,
    learned,
    majority,
    split,
    unsure,
)
from ensemble.graph.state import Turn
from ensemble.roles import Severity
from ensemble.testing.panels import a_finding, a_state, a_turn, an_answer, an_evidence

A = Condition("a", lambda state: state["a"])
B = Condition("b", lambda state: state["b"])


@pytest.mark.parametrize(("a", "b"), [*itertools.product([True, False], repeat=2)])
def test_conditions_are_put_together_with_and_or_and_not(a: bool, b: bool) -> None:  # noqa: FBT001
    state = {"a": a, "b": b}

    assert (A & B).holds(state) is (a and b)
    assert (A | B).holds(state) is (a or b)
    assert (~A).holds(state) is (not a)
    assert (~(A & ~B) | B).holds(state) is (not (a and not b) or b)


def test_the_name_of_a_condition_reads_as_it_is_meant() -> None:
    names = [(A & B).name, (A | ~B).name, (~(A & B)).name, (A & (A | B)).name, ((A & B) | A).name]

    assert names == ["a and b", "a or not b", "not (a and b)", "a and (a or b)", "(a and b) or a"]


@pytest.mark.parametrize(
    ("raised", "asked", "holds"),
    [
        ("CRITICAL", Severity.CRITICAL, True),
        ("HIGH", Severity.CRITICAL, False),
        ("HIGH", Severity.WARNING, True),
        ("LOW", Severity.WARNING, False),
    ],
)
def test_found_holds_from_its_severity_up(raised: str, asked: Severity, holds: bool) -> None:  # noqa: FBT001
    turn = a_turn("auditor", "auditor", an_answer(findings=[a_finding(raised)]))

    assert found(asked).holds(a_state(turn)) is holds


@pytest.mark.parametrize(("passed", "holds"), [(False, True), (True, False), (None, False)])
def test_found_holds_where_a_gate_failed(passed: bool | None, holds: bool) -> None:  # noqa: FBT001
    assert found().holds(a_state(evidence=[an_evidence(leak=passed)])) is holds


def test_split_looks_at_the_last_position_of_each_seat() -> None:
    first = [a_turn("panel[0]", answer=an_answer("promote")),
             a_turn("panel[1]", answer=an_answer("reject"))]  # fmt: skip
    yields = a_turn("panel[1]", "advisee", an_answer("promote"))
    silent = a_turn("panel[2]", answer=None)

    assert split().holds(a_state(*first, silent)) is True
    assert split().holds(a_state(*first, silent, yields)) is False
    assert split().holds(a_state(silent)) is False


def test_a_finding_that_its_seat_raises_no_more_is_let_go() -> None:
    raises = a_turn("auditor", "auditor", an_answer(findings=[a_finding()]))
    content = a_turn("auditor", "auditor", an_answer(), occurrence=1)
    silent = a_turn("other", "auditor", an_answer())

    assert found().holds(a_state(raises, silent)) is True
    assert found().holds(a_state(raises, silent, content)) is False


@pytest.mark.parametrize(
    ("positions", "holds"),
    [
        (["promote", "promote", "reject"], True),
        (["promote", "reject"], False),
        (["promote", "promote", "reject", None], False),
        (["promote", None], False),
        ([None, None], False),
    ],
)
def test_a_majority_is_more_than_half_of_all_who_were_asked(
    positions: list[str | None],
    holds: bool,  # noqa: FBT001
) -> None:
    turns = [
        a_turn(f"panel[{n}]", answer=an_answer(position) if position else None)
        for n, position in enumerate(positions)
    ]

    assert majority().holds(a_state(*turns)) is holds


def test_who_takes_no_position_is_not_asked_for_a_majority() -> None:
    votes = a_turn("panel", answer=an_answer("promote"))
    audits = [a_turn(f"auditor[{n}]", "auditor", an_answer()) for n in range(3)]

    assert majority().holds(a_state(votes, *audits)) is True


def test_unsure_looks_at_the_last_answer_of_every_seat() -> None:
    sure = a_turn("panel[1]", answer=an_answer("promote"), rank=1)
    doubts = a_turn("panel[0]", answer=an_answer("promote", confidence="low"))
    relents = a_turn("panel[0]", "advisee", an_answer("promote"))

    assert unsure().holds(a_state()) is False
    assert unsure().holds(a_state(sure)) is False
    assert unsure().holds(a_state(doubts, sure)) is True
    assert unsure().holds(a_state(doubts, sure, relents)) is False


def test_escalates_looks_at_the_last_turn_of_every_seat() -> None:
    calm = a_turn("panel[1]", answer=an_answer("promote"))
    rings = a_turn("panel[0]", answer=an_answer("promote"), escalation={"to": "human"})
    settles = a_turn("panel[0]", "advisee", an_answer("promote"))

    assert escalates().holds(a_state(calm)) is False
    assert escalates().holds(a_state(rings, calm)) is True
    assert escalates().holds(a_state(rings, calm, settles)) is False


AUDIT = a_turn("auditor", "auditor", an_answer(findings=[a_finding()]), rank=1)
MEMBER = a_turn("panel", answer=an_answer("promote"))
ADVISEE = a_turn("panel", "advisee", an_answer("promote"))


STATES_FIGURES = a_turn("panel", "advisee", an_answer("promote"), unmeasured=["99.5"])


def audited_again(*titles: str) -> Turn:
    findings = [a_finding(title=title) for title in titles]
    return a_turn("auditor", "auditor", an_answer(findings=findings), rank=1, occurrence=1)


@pytest.mark.parametrize(
    ("turns", "asked_by", "holds"),
    [
        ([MEMBER], None, False),
        ([MEMBER], "lab.before", False),
        ([MEMBER], MEMBER.key, True),
        ([MEMBER, AUDIT], None, True),
        ([MEMBER, AUDIT, ADVISEE, audited_again()], None, False),
        ([MEMBER, AUDIT, ADVISEE, audited_again("a leak")], None, False),
        ([MEMBER, AUDIT, STATES_FIGURES, audited_again()], None, False),
        ([MEMBER, AUDIT, ADVISEE, audited_again("A Leak", "a typo")], None, True),
        ([MEMBER, AUDIT, ADVISEE, audited_again()], AUDIT.key, False),
        ([MEMBER, AUDIT, ADVISEE, audited_again()], ADVISEE.key, True),
        ([MEMBER, AUDIT, ADVISEE, audited_again()], "auditor/auditor#1", True),
    ],
)
def test_only_what_the_last_round_brought_is_learned(
    turns: list[Turn],
    asked_by: str | None,
    holds: bool,  # noqa: FBT001
) -> None:
    evidence = [an_evidence(asked_by=asked_by)] if asked_by else []

    assert learned().holds(a_state(*turns, evidence=evidence)) is holds


@given(data=st.data())
def test_no_condition_hangs_on_the_order_in_which_seats_finished(data: st.DataObject) -> None:
    levels = st.sampled_from(["low", "high"])
    position = st.sampled_from(["promote", "reject"])
    turns = [
        a_turn(
            f"panel[{n}]",
            role,
            an_answer(data.draw(position), confidence=data.draw(levels), findings=raised),
        )
        for n in range(3)
        for role in ("panel_member", "advisee", "auditor")
        for raised in [[a_finding(title=data.draw(st.sampled_from("xy")))]]
    ]
    shuffled = data.draw(st.permutations(turns))

    for condition in CONDITIONS.values():
        assert condition().holds(a_state(*shuffled)) is condition().holds(a_state(*turns))
