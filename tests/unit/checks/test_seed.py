"""The agent that the project began with, with one slip of the pen at a time."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.seed_mutations import MUTATIONS, Mutation
from ensemble.agents.library import Agent, load_agents
from ensemble.checks.run import check_agents
from ensemble.config import library_folder


@pytest.fixture(scope="module")
def built_in() -> Mapping[str, Agent]:
    return load_agents(library_folder() / "agents").agents


def test_as_it_stands_it_has_no_problem_but_a_grade_that_cannot_be_computed_again(
    seed: Path, built_in: Mapping[str, Agent]
) -> None:
    problems = check_agents(load_agents(seed), beside=built_in)

    assert [(problem.code, problem.line) for problem in problems] == [("W702", 77)]
    assert "not recomputable" in problems[0].message


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_slip_raises_the_code_meant_for_it_at_its_line(
    seed: Path, built_in: Mapping[str, Agent], tmp_path: Path, mutation: Mutation
) -> None:
    text, line = mutation.applied(seed.read_text())
    (tmp_path / seed.name).write_text(text)

    problems = check_agents(load_agents(tmp_path), beside=built_in)

    assert (mutation.code, line) in {(problem.code, problem.line) for problem in problems}


def test_there_are_at_least_forty_slips_of_many_kinds() -> None:
    assert len(MUTATIONS) >= 40
    assert len({mutation.code for mutation in MUTATIONS}) >= 40
