"""What is wrong with a topology, by code, place and fix, before anybody is asked."""

from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.errors import Faults
from ensemble.graph.routing import found, split
from ensemble.graph.soundness import (
    MEANINGS,
    GraphFault,
    Written,
    faults_of,
    in_python,
    in_yaml,
)
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.scenarios.graphs import load_topology

GRAPHS: Final = Path(__file__).parents[3] / "graphs"
BEGIN: Final = Edge(START, "a", "solo")
FINISH: Final = Edge("a", END)


def says_so(_: object) -> bool:
    return True


def codes(*edges: Edge) -> list[str]:
    return [fault.code for fault in faults_of(Topology("odd", edges))]


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.py")), ids=lambda path: path.stem)
def test_the_graphs_that_come_with_the_project_are_sound(path: Path) -> None:
    assert faults_of(load_topology(path)) == []


@pytest.mark.parametrize(
    ("code", "edges"),
    [
        ("G001", (FINISH,)),
        ("G002", (BEGIN, FINISH, Edge("b", END))),
        ("G003", (BEGIN, Edge("a", END, when=found()), Edge("a", "b", "advisee"))),
        ("G004", (BEGIN, Edge("a", "a", "solo", when=found()), FINISH)),
        ("G004", (BEGIN, Edge("a", "b", "solo"), Edge("b", "a", "solo", found()), Edge("b", END))),
        ("G005", (BEGIN, Edge("a", "a", "solo", at_most=0), FINISH)),
        ("G006", (BEGIN, FINISH, Edge("a", END, when=found()))),
        ("G006", (BEGIN, Edge(START, "b", "solo"), FINISH, Edge("b", END))),
        ("G007", (Edge(START, "a"), FINISH)),
        ("G007", (BEGIN, Edge("a", END, "solo"))),
        ("G008", (Edge(START, ("a", "a"), "solo"), FINISH)),
        ("G008", (BEGIN, Edge("a", START, "solo", at_most=1), FINISH)),
        ("G008", (BEGIN, Edge("a", ("a", END), "solo", at_most=1), FINISH)),
        ("G008", (Edge(START, "a@b", "solo"), Edge("a@b", END))),
        ("G008", (BEGIN, Edge("a", "end"))),
        ("G008", (Edge("Start", "a", "solo"), FINISH)),
        ("G009", (Edge(START, ("a", "b"), "decision_maker"), FINISH, Edge("b", END))),
        ("G009", (Edge(START, "a", "input_provider"), FINISH)),
        ("G010", (Edge(START, "a", "auditor"), Edge("a", "b", "solo"), Edge("b", END))),
    ],
)
def test_each_fault_of_a_graph_has_its_code_and_stands_alone(
    code: str, edges: tuple[Edge, ...]
) -> None:
    assert set(codes(*edges)) == {code}
    assert code in MEANINGS


@pytest.mark.parametrize(
    "edges",
    [
        (BEGIN, Edge("a", "a", "solo", when=found(), at_most=3), FINISH),
        (BEGIN, Edge("a", "b", "solo"), Edge("b", "a", "advisee", at_most=1), Edge("b", END)),
        (BEGIN, Edge("a", "b", "auditor", when=found()), FINISH, Edge("b", END)),
        (Edge(START, "a", "panel_member", when=found()), FINISH),
        (Edge(START, ("a", "b"), "panel_member"), FINISH, Edge("b", END)),
    ],
)
def test_bounded_loops_open_ends_and_panels_without_a_chair_are_sound(
    edges: tuple[Edge, ...],
) -> None:
    assert codes(*edges) == []


@pytest.mark.parametrize(
    ("when", "fix"),
    [
        (split, "write `split()`"),
        ("split", "write `split()`"),
        (says_so, 'write `Condition("says_so", says_so)`, of a function of the state'),
        (lambda: True, 'write `Condition("name", f)`, of a function of the state'),
        (0, 'write `Condition("name", f)`, of a function of the state'),
    ],
)
def test_what_stands_in_a_conditions_place_is_told_with_what_to_write(when: Any, fix: str) -> None:
    topology = Topology("odd", (BEGIN, Edge("a", END, when=when)))

    (fault,) = faults_of(topology)

    assert (fault.code, fault.fix) == ("G019", fix)
    assert fault.problem == "edge 2, a → END: `when` is no condition"


@pytest.mark.parametrize(
    ("edges", "fixes"),
    [
        (
            (Edge(START, "panel", "solo"), Edge("pannel", END)),
            ["did you mean 'panel'? else ", "did you mean 'pannel'? else "],
        ),
        ((BEGIN, Edge("a", "ende", "auditor")), ["did you mean END? else `Edge("]),
        ((BEGIN, Edge("a", "ende")), ["did you mean END? else name one", "did you mean END?"]),
        ((BEGIN, Edge("a", "b", "auditor")), ['`Edge("a", END)`', '`Edge("b", END)`']),
    ],
)
def test_a_seat_that_leads_nowhere_may_be_a_misspelt_one(
    edges: tuple[Edge, ...], fixes: list[str]
) -> None:
    told = {fault.fix for fault in faults_of(Topology("odd", edges))}

    assert all(any(said.startswith(fix) for said in told) for fix in fixes)


@pytest.mark.parametrize(
    ("written", "fix"),
    [(in_python, '`Edge("a", ("b", "c"), …)`'), (in_yaml, "`- {from: a, to: [b, c], role: …}`")],
)
def test_a_fix_writes_an_edge_as_the_file_does(written: Written, fix: str) -> None:
    ends = (Edge("b", END), Edge("c", END))
    edges = (BEGIN, Edge("a", "b", "auditor"), Edge("a", "c", "auditor"), *ends)

    told = [fault.fix for fault in faults_of(Topology("odd", edges), written=written)]

    assert [said.partition(": ")[2] for said in told if "side by side" in said] == [fix]


def test_a_loop_is_told_with_its_way_and_the_edge_that_wants_a_bound() -> None:
    loop = Topology(
        "loop", (BEGIN, Edge("a", "b", "auditor"), Edge("b", "a", "advisee", found()), FINISH)
    )

    fault = next(fault for fault in faults_of(loop) if fault.code == "G004")

    assert fault.problem == "the loop a → b → a has no bound"
    assert fault.fix == "give edge 3, b → a, an `at_most`"


def test_every_fault_of_a_graph_file_is_told_at_once_with_the_line_of_its_edge(
    tmp_path: Path,
) -> None:
    path = tmp_path / "odd.py"
    path.write_text(
        "from ensemble import END, START, Edge, Topology\n"
        "topology = Topology('odd', (\n"
        "    Edge(START, 'a', 'solo'),\n"
        "    Edge('a', END, 'solo'),\n"
        "    Edge('a', 'b', 'auditor', at_most=0),\n"
        "))\n"
    )

    with pytest.raises(Faults) as caught:
        load_topology(path)

    told = {
        (fault.where.partition(".py:")[2], fault.code)
        for fault in caught.value.faults
        if isinstance(fault, GraphFault)
    }
    assert told == {("4:1", "G007"), ("5:1", "G005"), ("5:1", "G006"), ("5:1", "G003")}
