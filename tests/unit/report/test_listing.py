"""The rows of a project: its runs, agents, graphs and scenarios."""

from pathlib import Path

import pytest

from ensemble.errors import UsageError
from ensemble.journal.file import EVENTS
from ensemble.journal.recording import write_manifest
from ensemble.report.listing import listed


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty project."""
    (tmp_path / "scenarios").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_are_listed_newest_first_with_how_they_ended(project: Path) -> None:
    for name, told in (("r-1", {"status": "completed", "authority": "decided"}), ("r-2", {})):
        folder = project / ".ensemble" / "runs" / name
        folder.mkdir(parents=True)
        (folder / EVENTS).write_bytes(b"")
        write_manifest(folder, {**told, "case": None, "scenario": "s.yaml"})

    rows = listed("runs")

    assert [row["run"] for row in rows] == ["r-2", "r-1"]
    assert rows[1]["status"] == "completed"
    assert rows[0]["status"] != "completed"


def test_built_in_agents_and_graphs_are_listed_with_their_paths() -> None:
    agents = {row["name"]: row for row in listed("agents")}
    graphs = {row["name"]: row["path"] for row in listed("graphs")}

    assert Path(agents["skeptic"]["path"]).is_file()
    assert agents["skeptic"]["version"]
    assert set(graphs) >= {"solo", "panel", "review"}


def test_an_agent_that_cannot_be_read_is_listed_with_its_fault(project: Path) -> None:
    (project / "agents").mkdir()
    (project / "agents" / "bad.md").write_text("no frontmatter")

    rows = listed("agents")

    assert "has no frontmatter" in rows[-1]["fault"]
    assert any(row["name"] == "skeptic" for row in rows)


def test_scenarios_are_listed_with_their_cases_or_their_fault(project: Path) -> None:
    (project / "scenarios" / "a.yaml").write_text("cases: [{id: one}, {id: two}]\n")
    (project / "scenarios" / "b.yaml").write_text("- x\n")

    first, second = listed("scenarios")

    assert first["cases"] == "one, two"
    assert "a scenario is a mapping" in second["cases"]


def test_another_kind_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError) as caught:
        listed("agent")

    assert caught.value.fix == "did you mean 'agents'?"
