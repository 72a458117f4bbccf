"""Edges written into a scenario: the topology they make, and every fault at its place."""

from pathlib import Path

import pytest

from ensemble.errors import EnsembleError, Faults
from ensemble.graph.topology import Edge
from ensemble.scenarios.loading import Loaded, load_scenario

HEAD = "schema: ensemble/scenario@1\nname: own\ntask: Which index?\n"
OWN = """\
edges:
  - {from: START, to: [drafts, risk], role: panel_member}
  - {from: drafts, to: critic, role: auditor}
  - {from: risk, to: critic, role: auditor}
  - {from: critic, to: drafts, role: advisee, when: found(HIGH) & ~split, at_most: 2}
  - {from: critic, to: END}
"""
CAST = "cast: {drafts: [database-engineer, backend-engineer], risk: sre, critic: skeptic}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the scenario lies, in a project without agents or graphs of its own."""
    (tmp_path / "scenarios").mkdir()
    return tmp_path / "scenarios" / "own.yaml"


def loaded(path: Path, text: str, case: str | None = None) -> Loaded:
    path.write_text(HEAD + text)
    return load_scenario(path, case=case)


def faults(path: Path, text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(EnsembleError) as caught:
        loaded(path, text)
    error = caught.value
    several = error.faults if isinstance(error, Faults) else (error,)
    return [(f.where.removeprefix(f"{path}:"), f.problem, f.fix) for f in several]


def test_edges_make_a_topology_by_the_scenarios_name(path: Path) -> None:
    ensemble = loaded(path, OWN + CAST).ensemble

    back = ensemble.topology.edges[3]
    assert ensemble.topology.name == "own"
    assert ensemble.topology.edges[0] == Edge("START", ("drafts", "risk"), "panel_member")
    assert ensemble.topology.edges[4] == Edge("critic", "END")
    assert (back.source, back.target, back.role, back.at_most) == ("critic", "drafts", "advisee", 2)
    assert back.when is not None
    assert back.when.name == "found HIGH and not split"
    assert [member.path for member in ensemble.members] == [
        "drafts[0]",
        "drafts[1]",
        "risk",
        "critic",
    ]


@pytest.mark.parametrize(
    ("base", "case", "name"),
    [("graph: solo\n", OWN, "own"), (OWN, "graph: solo\n", "solo")],
)
def test_a_case_may_bring_edges_in_place_of_a_graph_and_a_graph_in_place_of_edges(
    path: Path, base: str, case: str, name: str
) -> None:
    nobody_else = "cast: {}\n" if name == "solo" else CAST
    inside = "".join(f"    {line}\n" for line in (case + nobody_else).splitlines())

    made = loaded(path, f"{base}cases:\n  - id: other\n{inside}", case="other")

    assert made.ensemble.topology.name == name


def test_the_cast_of_inline_edges_names_every_seat(path: Path) -> None:
    told = faults(path, OWN + "cast: {drafts: skeptic, risk: sre, critik: skeptic}\n")

    assert told == [
        ("10:44", "graph 'own' has no seat 'critik'", "did you mean 'critic'?"),
        (
            "10:7",
            "nobody sits at 'critic' (as auditor) of graph 'own'",
            "add `critic: AGENT` to the cast",
        ),
    ]


def test_a_graph_and_edges_are_not_both_given(path: Path) -> None:
    told = faults(path, "graph: review\n" + OWN + CAST)

    assert told == [("6:3", "`graph` and `edges` are two ways to say the same",
                     "keep one of the two")]  # fmt: skip


@pytest.mark.parametrize(
    ("edge", "place", "problem", "fix"),
    [
        ("{from: END, to: a, role: solo}", "6:5", "edge 2, END → a: nothing leads", "name a seat"),
        ("{from: a, to: [a, END], role: solo}", "6:5", "edge 2, a → a, END: END", "leave END out"),
        ("{from: a, to: END, role: solo}", "6:5", "edge 2, a → END: END takes", "leave the role"),
        ("{from: a, to: a}", "6:5", "edge 2, a → a: the target takes no role", "name one: "),
        ("{from: a, to: a, role: solo}", "6:5", "the loop a → a has no bound", "give edge 2"),
        (
            "{from: a, to: a, role: auditr}",
            "6:28",
            "no agent knows the role 'auditr'",
            "did you mean 'auditor'?",
        ),
        (
            "{from: a, to: END, when: splt}",
            "6:30",
            "no condition is called 'splt'",
            "did you mean 'split'?",
        ),
        ("{form: a, to: END}", "6:6", "edges.1.form: no such key", "did you mean 'from'?"),
        ("{from: a, to: end}", "6:5", "edge 2, a → end: no seat can", "did you mean END?"),
        (
            "{from: a, to: b, role: auditor}",
            "6:5",
            "no way from 'b' leads to END",
            "`- {from: b, to: END}`",
        ),
        (
            "{from: a, to: END, at_most: 0}",
            "6:33",
            "edges.1.at_most: Input should be greater than or equal to 1",
            "mend the value",
        ),
        (
            "{from: 'a@b', to: END}",
            "6:12",
            "edges.1.from: String should match pattern",
            "mend the value",
        ),
    ],
)
def test_an_edge_that_does_not_fit_is_named_where_it_stands(
    path: Path, edge: str, place: str, problem: str, fix: str
) -> None:
    start = "edges:\n  - {from: START, to: a, role: solo}\n"

    told = faults(path, f"{start}  - {edge}\ncast: {{a: skeptic}}\n")

    by_problem = {said: (where, advice) for where, said, advice in told}
    (said,) = [said for said in by_problem if said.startswith(problem)]
    assert by_problem[said][0] == place
    assert by_problem[said][1].startswith(fix)


def test_edges_that_no_run_could_enter_are_refused(path: Path) -> None:
    told = faults(path, "edges: [{from: a, to: END}]\ncast: {a: skeptic}\n")

    assert told == [("4:8", "no edge leaves START", "begin with `- {from: START, to: a, role: …}`")]
