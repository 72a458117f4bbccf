"""Topologies found by name: a project's own win, and only its own files are run."""

from pathlib import Path
from typing import Final

import pytest

from ensemble.config import project_of
from ensemble.errors import InvalidFile
from ensemble.scenarios.graphs import find_topology, graph_files, is_own, load_topology

CHECKOUT: Final = Path(__file__).parents[3]
SOLO: Final = (CHECKOUT / "graphs" / "solo.py").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project with a graph of its own."""
    folder = tmp_path / "mine"
    (folder / "graphs").mkdir(parents=True)
    (folder / "agents").mkdir()
    (folder / "graphs" / "solo.py").write_text(SOLO.replace('name="solo"', 'name="my-solo"'))
    monkeypatch.chdir(folder)
    return folder


def test_a_projects_own_graph_wins(project: Path) -> None:
    assert graph_files(project_of())["solo"] == project / "graphs" / "solo.py"
    assert find_topology("solo").name == "my-solo"
    assert find_topology("review").name == "review"


def test_own_files_are_those_below_the_project_and_the_built_in_ones(
    project: Path, tmp_path: Path
) -> None:
    vendored = project / "vendor" / "other"
    (vendored / "agents").mkdir(parents=True)

    assert is_own(project / "graphs" / "solo.py")
    assert is_own(CHECKOUT / "graphs" / "review.py")
    assert not is_own(tmp_path / "elsewhere.py")
    assert not is_own(CHECKOUT / "tests" / "anything.py")
    assert not is_own(vendored / "graphs" / "evil.py")


def test_a_link_that_leads_out_is_not_own(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(SOLO)
    (project / "graphs" / "link.py").symlink_to(tmp_path / "outside.py")

    assert not is_own(project / "graphs" / "link.py")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("x = 1\n", "1:1", "holds no topology"),
        ("x = 1\n\nx / 0\n", "3:1", "the graph file fails: ZeroDivisionError"),
        ("def (\n", "1:1", "the graph file fails: SyntaxError"),
        ("import nothing_of_that_name\n", "1:1", "the graph file fails: ModuleNotFoundError"),
    ],
)
def test_a_graph_file_that_fails_is_named_with_its_line(
    tmp_path: Path, text: str, place: str, problem: str
) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)

    with pytest.raises(InvalidFile) as caught:
        load_topology(path)

    assert caught.value.where == f"{path}:{place}"
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("Role.PANEL_MEMBR", "did you mean 'PANEL_MEMBER'?"),
        (
            "Edge('a', 'b', whne=1)",
            "did you mean 'when'? Edge takes source, target, role, when, at_most",
        ),
        ("Edge('a')", "Edge takes source, target, role, when, at_most"),
        ("Topology()", "Topology takes name, edges, cast"),
        ("~split", "put brackets behind each condition: `split() & ~unsure()`"),
        ("split() & split", "put brackets behind each condition: `split() & ~unsure()`"),
        ("1 / 0", "mend the file"),
    ],
)
def test_a_graph_file_that_fails_is_told_what_there_is(project: Path, line: str, fix: str) -> None:
    path = Path("graphs") / "bad.py"
    path.write_text(f"from ensemble.graph.routing import split\nfrom ensemble.roles import Role\n"
                    f"from ensemble.graph.topology import Edge, Topology\n{line}\n")  # fmt: skip

    with pytest.raises(InvalidFile) as relative:
        load_topology(path)
    with pytest.raises(InvalidFile) as absolute:
        load_topology(project / path)

    assert (relative.value.where, relative.value.fix) == ("graphs/bad.py:4:1", fix)
    assert (absolute.value.where, absolute.value.fix) == (f"{project}/graphs/bad.py:4:1", fix)
