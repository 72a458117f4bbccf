"""Conditions on edges: what they hold on, and how they say so when put together."""

import itertools

import pytest

from ensemble.graph.routing import Condition, found, split, unsure
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


def test_unsure_looks_at_the_last_answer() -> None:
    sure = a_turn("writer", "solo", an_answer("promote"))
    doubts = a_turn("writer", "solo", an_answer("promote", confidence="low"), occurrence=1)

    assert unsure().holds(a_state()) is False
    assert unsure().holds(a_state(sure)) is False
    assert unsure().holds(a_state(doubts, sure)) is True
