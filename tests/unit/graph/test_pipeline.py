"""A pipeline as the agents' files link it, in whatever order they come."""

import random

import pytest

from ensemble.agents.library import Agent
from ensemble.errors import InvalidFile
from ensemble.graph.pipeline import pipeline_of
from ensemble.testing.panels import an_agent

PHASES = [
    an_agent("draft", next_phase="check"),
    an_agent("check"),
    an_agent("ship", previous_phase="check", next_phase="complete"),
    an_agent("bystander", previous_phase="somebody-elsewhere"),
]


@pytest.mark.parametrize("seed", range(5))
def test_phases_follow_one_another_whichever_of_them_says_so(seed: int) -> None:
    shuffled = random.Random(seed).sample(PHASES, len(PHASES))  # noqa: S311 - an order

    topology = pipeline_of(shuffled, name="release")

    assert topology.name == "release"
    assert [(edge.source, edge.target, edge.role) for edge in topology.edges] == [
        ("START", "draft", "solo"),
        ("draft", "check", "gate_reviewer"),
        ("check", "ship", "decision_maker"),
        ("ship", "END", None),
    ]
    assert topology.cast == {"draft": "draft", "check": "check", "ship": "ship"}
    assert topology.decider() == "ship"


@pytest.mark.parametrize(
    ("agents", "problem"),
    [
        ([an_agent("alone")], "a pipeline begins with one agent, and here begin: none"),
        (
            [an_agent("a", next_phase="b"), an_agent("b", next_phase="a")],
            "a pipeline begins with one agent, and here begin: none",
        ),
        (
            [an_agent("a", next_phase="b"), an_agent("b"), an_agent("c", next_phase="d"),
             an_agent("d")],
            "a pipeline begins with one agent, and here begin: a, c",
        ),
        (
            [an_agent("a", next_phase="b"), an_agent("b"), an_agent("c", next_phase="c")],
            "besides a → b there are agents linked in a circle",
        ),
        (
            [an_agent("a", next_phase="b"), an_agent("b"), an_agent("c", previous_phase="a")],
            "a → c contradicts a → b",
        ),
        (
            [an_agent("a", next_phase="c"), an_agent("b", next_phase="c"), an_agent("c")],
            "b → c contradicts a → c",
        ),
    ],
)  # fmt: skip
def test_links_that_make_no_single_line_are_refused(agents: list[Agent], problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        pipeline_of(agents)

    assert caught.value.problem == problem
