"""A scenario read with all that it names: cases laid over, places told, every fault noted."""

from pathlib import Path

import pytest

from ensemble.errors import EnsembleError, Faults, InvalidFile
from ensemble.scenarios.checking import check
from ensemble.scenarios.loading import case_ids, load_scenario

BASE = """\
schema: ensemble/scenario@1
name: base
task: Is it sound?
choices: [yes-it-is, no-it-is-not]
graph: panel
cast: {chair: senior-architect}
models: {params: {seed: 3}}
recording: {dir: kept}
cases:
  - {id: other, models: {params: {temperature: 1}}, cast: {panel: skeptic}}
  - {id: wrong, cast: {panel: nobody}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    """Return the scenario file of a project without agents or graphs of its own."""
    path = tmp_path / "scenarios" / "base.yaml"
    path.parent.mkdir()
    path.write_text(BASE)
    return path


def test_a_scenario_is_loaded_with_its_cast_seated(write: Path) -> None:
    loaded = load_scenario(write)

    seated = {member.path: member.agent.name for member in loaded.ensemble.members}
    assert seated == {
        "panel[0]": "ml-engineer",
        "panel[1]": "mlops-engineer",
        "panel[2]": "data-scientist",
        "chair": "senior-architect",
    }
    assert loaded.recording == write.parent / "kept" / "base"
    assert loaded.workspace is None
    assert case_ids(write) == [None, "other", "wrong"]


def test_a_case_is_merged_key_by_key_and_its_cast_seat_by_seat(write: Path) -> None:
    loaded = load_scenario(write, case="other")

    params = loaded.scenario.models.params
    assert (params.seed, params.temperature) == (3, 1)
    assert [member.path for member in loaded.ensemble.members] == ["panel", "chair"]
    assert loaded.recording == write.parent / "kept" / "other"


def test_a_fault_of_a_case_is_placed_in_the_case(write: Path) -> None:
    fault = the_fault(write, case="wrong")

    assert fault.where == f"{write}:11:31"
    assert fault.problem == "no agent is called 'nobody'"


def test_a_choice_that_stands_there_twice_is_placed(write: Path) -> None:
    write.write_text(BASE.replace("no-it-is-not", "yes-it-is"))

    fault = the_fault(write)

    assert (fault.where, fault.problem) == (
        f"{write}:4:10",
        "choices: 'yes-it-is' stands there twice",
    )


def test_a_case_that_is_not_there_is_named(write: Path) -> None:
    fault = the_fault(write, case="othr")

    assert (fault.where, fault.fix) == (f"{write}:10:3", "did you mean 'other'?")


@pytest.mark.parametrize(
    ("cases", "problem"),
    [
        ("[{id: base}]", "'base' cannot be a case's id"),
        ("[{id: all}]", "'all' cannot be a case's id"),
        ("[{id: one}, {id: one}]", "'one' cannot be a case's id"),
        ("[{}]", "None cannot be a case's id"),
        ("[text]", "None cannot be a case's id"),
        ("{id: one}", "a list is expected"),
    ],
)
def test_cases_need_ids_of_their_own(write: Path, cases: str, problem: str) -> None:
    write.write_text(f"{BASE[: BASE.index('cases:')]}cases: {cases}\n")

    fault = the_fault(write)

    assert problem in fault.problem
    assert fault.fix


def test_what_hangs_on_a_broken_block_is_not_complained_of_too(write: Path) -> None:
    text = BASE.replace("graph: panel", "inputs: {workspace: 7, files: [a.py]}")
    write.write_text(f"{text}lab: {{before: [{{tool: train, dataset: digits}}]}}\n")

    fault = the_fault(write)

    assert fault.problem.startswith("inputs.workspace: ")


def test_an_empty_seat_is_one_fault_where_its_agent_is_unknown(write: Path) -> None:
    write.write_text(BASE.replace("chair: senior-architect", "chair: senor-architect"))

    fault = the_fault(write)

    assert (fault.problem, fault.fix) == (
        "no agent is called 'senor-architect'",
        "did you mean 'senior-architect'?",
    )


def test_a_file_beside_the_scenario_may_be_its_graph(write: Path) -> None:
    (write.parent / "mine.py").write_text(
        "from ensemble import END, START, Edge, Role, Topology\n"
        "topology = Topology('mine', (Edge(START, 'chair', Role.SOLO), Edge('chair', END)))\n"
    )
    write.write_text(BASE.replace("graph: panel", "graph: mine.py"))

    loaded = load_scenario(write)

    assert loaded.ensemble.topology.name == "mine"


def test_the_workspace_cannot_be_left_through_its_files(write: Path) -> None:
    (write.parent / "work").mkdir()
    (write.parent / "secret.txt").write_text("hush")
    text = BASE.replace("graph: panel", "inputs: {workspace: work, files: [../secret.txt]}")
    write.write_text(text)

    fault = the_fault(write)

    assert "the workspace has no file '../secret.txt'" in fault.problem


def test_files_without_a_workspace_are_refused(write: Path) -> None:
    write.write_text(BASE.replace("graph: panel", "inputs: {files: [a.py]}"))

    fault = the_fault(write)

    assert fault.fix == "add `workspace:` to the inputs"


def test_a_check_reports_the_faults_of_every_case_once(write: Path) -> None:
    write.write_text(BASE.replace("chair: senior-architect", "chair: nobody-else"))

    checked = check([write])

    assert [problem.message for problem in checked.problems] == [
        "no agent is called 'nobody-else'",
        "no agent is called 'nobody'",
    ]


def test_a_file_that_is_nothing_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    checked = check([tmp_path / "notes.txt"])

    assert [problem.message for problem in checked.problems] == ["is no agent, graph or scenario"]


def test_several_faults_come_together(write: Path) -> None:
    write.write_text(BASE.replace("graph: panel", "graph: panle\ncolour: red"))

    with pytest.raises(Faults) as caught:
        load_scenario(write)

    assert [fault.problem for fault in caught.value.faults] == [
        "colour: no such key",
        "no graph is called 'panle'",
    ]


def the_fault(path: Path, *, case: str | None = None) -> EnsembleError:
    with pytest.raises(InvalidFile) as caught:
        load_scenario(path, case=case)
    return caught.value
