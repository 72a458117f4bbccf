"""A graph file checked with its own cast: every fault at once, at its place."""

from pathlib import Path
from typing import Final

import pytest

from ensemble.errors import EnsembleError
from ensemble.scenarios.graph_check import graph_faults

CHECKOUT: Final = Path(__file__).parents[3]
GRAPH: Final = """\
from ensemble import END, START, Edge, Topology
topology = Topology(
    "mine",
    (
        Edge(START, "panel", "panel_member"),
        Edge("panel", "auditor", "auditor"),
        Edge("auditor", "chair", "decision_maker"),
        Edge("chair", END),
    ),
    cast={
        "panel": ("ml-engineer", "data-scientist"),
        "auditor": "skeptic",
        "chair": "senior-architect",
    },
)
"""


def told(path: Path, *changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    text = GRAPH
    for before, after in changes:
        text = text.replace(before, after)
    path.write_text(text)
    return [
        (fault.where.removeprefix(f"{path}:"), getattr(fault, "code", ""), fault.problem)
        for fault in graph_faults(path)
    ]


@pytest.mark.parametrize("path", sorted((CHECKOUT / "graphs").glob("*.py")), ids=lambda p: p.stem)
def test_the_casts_that_come_with_the_project_fit(path: Path) -> None:
    assert graph_faults(path) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('"auditor")', '"auditr")', ("6:1", "G012", "no agent knows the role 'auditr'")),
        ('"skeptic"', '"nobody"', ("12:20", "", "no agent is called 'nobody'")),
        ('"chair": "', '"chiar": "', ("13:18", "G011", "graph 'mine' has no seat 'chiar'")),
        (
            '"senior-architect"',
            '("senior-architect", "skeptic")',
            ("13:39", "G013", "2 agents hold 'chair', the seat that decides"),
        ),
        (
            '("ml-engineer", "data-scientist")',
            '"skeptic"',
            ("12:20", "G015", "auditor would audit skeptic, which is itself"),
        ),
    ],
)  # fmt: skip
def test_a_cast_that_does_not_fit_is_told_at_its_line(
    tmp_path: Path, before: str, after: str, fault: tuple[str, str, str]
) -> None:
    assert told(tmp_path / "mine.py", (before, after)) == [fault]


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    faults = told(
        tmp_path / "mine.py",
        ('"panel_member"', '"panel-membr"'),
        ('"data-scientist"', '"nobody"'),
        ('"auditor": "', '"auditr": "'),
        ('"senior-architect"', '("senior-architect", "skeptic")'),
    )

    assert [(where, code) for where, code, _ in faults] == [
        ("5:1", "G012"),
        ("11:34", ""),
        ("12:19", "G011"),
        ("13:39", "G013"),
    ]


def test_the_edges_of_an_unsound_graph_are_told_with_its_cast(tmp_path: Path) -> None:
    faults = told(tmp_path / "mine.py", ("END),", "'end'),"), ('"skeptic"', '"nobody"'),
                  ('"senior-architect"', '("sre", "skeptic")'))  # fmt: skip

    assert [(where, code) for where, code, _ in faults] == [
        ("8:1", "G008"),
        ("12:20", ""),
        ("13:26", "G013"),
    ]


def test_seats_without_a_cast_are_for_scenarios_to_fill(tmp_path: Path) -> None:
    head, _, _ = GRAPH.partition("    cast=")

    assert told(tmp_path / "mine.py", (GRAPH, f"{head})\n")) == []


def test_a_cast_that_a_program_makes_is_told_by_its_file(tmp_path: Path) -> None:
    faults = told(tmp_path / "mine.py", ("cast={", "cast={name: held for name, held in {"),
                  ("    },\n)", "    }.items()},\n)"), ('"skeptic"', '"nobody"'))  # fmt: skip

    assert faults == [("1:1", "", "no agent is called 'nobody'")]


@pytest.mark.parametrize("cast", ["[]", "{'chair': None}", "{'chair': 7}", "{3: 'skeptic'}"])
def test_a_cast_of_another_shape_is_a_fault(tmp_path: Path, cast: str) -> None:
    head, _, _ = GRAPH.partition("    cast=")
    path = tmp_path / "mine.py"
    path.write_text(f"{head}    cast={cast},\n)\n")

    with pytest.raises(EnsembleError) as caught:
        graph_faults(path)

    assert caught.value.where == f"{path}:1:1"
    assert caught.value.problem == "the cast names seats and agents otherwise than can be read"
