"""Conditions as a scenario file writes them: what they mean, and what is said of others."""

import itertools

import pytest

from ensemble.errors import InvalidFile
from ensemble.graph.condition_text import CONDITIONS, parse_condition
from ensemble.testing.panels import a_finding, a_state, a_turn, an_answer


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("split", "split"),
        ("split & ~unsure", "split and not unsure"),
        ("split and not unsure", "split and not unsure"),
        ("learned | escalates & split", "learned or (escalates and split)"),
        ("split or unsure or learned", "(split or unsure) or learned"),
        ("~(split | unsure)", "not (split or unsure)"),
        ("found", "found CRITICAL"),
        ("found(HIGH)", "found HIGH"),
        (' found("LOW") ', "found LOW"),
    ],
)
def test_a_text_is_read_as_the_condition_that_it_names(text: str, name: str) -> None:
    assert parse_condition(text).name == name


@pytest.mark.parametrize(
    ("splits", "doubts", "finds"), [*itertools.product([True, False], repeat=3)]
)
def test_a_text_means_what_its_operators_say(splits: bool, doubts: bool, finds: bool) -> None:  # noqa: FBT001
    state = a_state(
        a_turn("panel[0]", answer=an_answer("promote", confidence="low" if doubts else "high")),
        a_turn("panel[1]", answer=an_answer("reject" if splits else "promote")),
        a_turn("auditor", "auditor", an_answer(findings=[a_finding("HIGH")] if finds else [])),
    )

    holds = parse_condition("split & ~unsure | found(HIGH)").holds(state)

    assert holds is ((splits and not doubts) or finds)


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("splt & unsure", "no condition is called 'splt'", "did you mean 'split'?"),
        ("found(HIHG)", "found: HIHG is no severity", "did you mean 'HIGH'?"),
        ("found(HIGH, LOW)", "'found' takes one severity", "e.g. `found(HIGH)`"),
        ("split(2)", "'split' takes nothing in brackets", "write `split`"),
        ("__import__('os')", "no condition is called '__import__'", "use one of: escalates"),
        ("split.real", "the condition 'split.real' cannot be read", "put words together"),
        ("split &", "the condition 'split &' cannot be read", "put words together"),
        ("split < unsure", "the condition 'split < unsure' cannot be read", "put words together"),
        ("", "the condition '' cannot be read", "put words together"),
        ("~" * 400 + "split", "a condition of 405 characters", "name it in a graph file"),
    ],
)
def test_what_is_no_condition_is_named_with_its_place_and_a_fix(
    text: str, problem: str, fix: str
) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse_condition(text, where="s.yaml:7:12")

    assert caught.value.where == "s.yaml:7:12"
    assert caught.value.problem == problem
    assert caught.value.fix.startswith(fix)


def test_every_condition_is_drawn_by_a_name_of_its_own() -> None:
    names = {word: make().name for word, make in CONDITIONS.items()}

    assert all(name.startswith(word) for word, name in names.items())
