"""`check` over files and folders: what was looked at, what was mended, what is wrong."""

from pathlib import Path
from typing import Final

import pytest

from ensemble.errors import UsageError
from ensemble.scenarios.checking import check

LAMP: Final = "---\nname: lamp-lighter\ndescription: Lights lamps\n{more}---\n# Lamp\n"
OWN: Final = """\
---
name: lamp-lighter
description: Lights lamps
ensemble_roles:
  solo: "Light them"
escalation: {confidence_threshold: 0.6, escalate_to: human}
version: 1.0.0
---
"""
SCENARIO: Final = """\
schema: ensemble/scenario@1
name: dusk
task: Are all lamps lit?
graph: review
cast: {panel: [lamp-lighter, skeptic], auditor: lamp-lighter, chair: lamp-lighter}
"""
ROUND: Final = """\
from ensemble import END, START, Edge, Topology
topology = Topology("round", (
    Edge(START, "a", "solo"),
    Edge("a", "a", "solo", when=__import__("ensemble").found()),
    Edge("a", END),
))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with one agent and one scenario that seats it; it is worked in."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "agents" / "lamp-lighter.md").write_text(OWN)
    (tmp_path / "scenarios" / "dusk.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_project_is_checked_as_one(project: Path) -> None:
    checked = check()

    told = {(p.code, p.message.partition(" seats it")[0]) for p in checked.problems}
    assert sorted(checked.files) == ["agents/lamp-lighter.md", "scenarios/dusk.yaml"]
    assert checked.loaded == 2
    assert ("W310", "dusk.yaml:5") in told
    assert {
        p.message.split(" as ")[1].split(",")[0] for p in checked.problems if p.code == "W310"
    } == {
        "panel_member",
        "auditor",
        "decision_maker",
    }


def test_the_projects_scenarios_count_for_an_agent_that_is_checked_alone(project: Path) -> None:
    checked = check([project / "agents" / "lamp-lighter.md"])

    assert "W310" in {problem.code for problem in checked.problems}


def test_what_was_kept_of_an_unchanged_file_is_told_again(project: Path) -> None:
    first = check()

    second = check()

    assert second == first
    assert (project / "cache" / "checks").is_dir()


def test_a_changed_file_is_looked_at_afresh(project: Path) -> None:
    path = project / "agents" / "lamp-lighter.md"
    before = {problem.code for problem in check([path]).problems}
    path.write_text(OWN.replace("solo:", "sol:").replace("version: 1.0.0", "version: one"))

    after = {problem.code for problem in check([path]).problems}

    assert "W105" in after - before


def test_files_that_are_read_mended_skipped_or_refused_are_counted(project: Path) -> None:
    folder = project / "found"
    folder.mkdir()
    (folder / "good.md").write_text(LAMP.format(more=""))
    (folder / "bad.md").write_text("no agent\n")
    (folder / "mended.md").write_text(
        LAMP.format(more="color: a: b\n").replace("lamp-lighter", "mended")
    )
    (folder / "README.md").write_text("# Read me\n")

    document = check([folder]).document()

    assert document["schema"] == "ensemble/check@1"
    assert (document["files"], document["loaded"]) == (4, 2)
    assert [skip["file"] for skip in document["skipped"]] == ["found/README.md"]
    (repaired,) = document["repaired"]
    assert repaired["file"] == "found/mended.md"
    assert repaired["repairs"][0]["code"] == "R10"
    assert {(p["code"], p["file"]) for p in document["problems"]} == {
        ("E003", "found/bad.md"),
        ("W001", "found/mended.md"),
    }
    assert all(
        set(p) == {"code", "severity", "file", "line", "column", "message", "fix"}
        for p in document["problems"]
    )


def test_no_agent_beside_a_folder_called_agents_is_missed(tmp_path: Path) -> None:
    for name in ("top", "more/deeper", "agents/inside"):
        path = tmp_path / "found" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LAMP.format(more="").replace("lamp-lighter", path.stem))

    checked = check([tmp_path / "found"])

    assert {Path(file).stem for file in checked.files} == {"top", "deeper", "inside"}


def test_a_warning_fails_a_strict_check_alone_and_a_note_none(project: Path) -> None:
    path = project / "found.md"
    path.write_text(LAMP.format(more="color: a: b\n"))
    warned = check([path])
    path.write_text(LAMP.format(more=""))
    sound = check([path])
    path.write_text("no agent\n")
    wrong = check([path])

    assert (warned.status(strict=False), warned.status(strict=True)) == (0, 3)
    assert (sound.status(strict=False), sound.status(strict=True)) == (0, 0)
    assert (wrong.status(strict=False), wrong.status(strict=True)) == (3, 3)


def test_two_files_with_one_name_are_told(project: Path) -> None:
    (project / "agents" / "other.md").write_text(OWN)

    checked = check([project / "agents"])

    (told,) = [problem for problem in checked.problems if problem.severity == "error"]
    assert (told.code, told.file, told.line) == ("E009", "agents/other.md", 2)


def test_neighbours_may_be_named_by_a_file_outside_any_project(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "human")):
        text = OWN.replace("lamp-lighter", name).replace(
            "escalate_to: human", f"escalate_to: {other}"
        )
        (tmp_path / f"{name}.md").write_text(text)

    alone = check([tmp_path / "one.md"])

    assert "W201" not in {problem.code for problem in alone.problems}


@pytest.mark.parametrize("name", ["nothing.md", "empty"])
def test_what_is_not_there_cannot_be_checked(project: Path, name: str) -> None:
    (project / "empty").mkdir()

    with pytest.raises(UsageError):
        check([project / name])


def test_a_file_of_another_kind_is_told(project: Path) -> None:
    (project / "notes.txt").write_text("x")

    checked = check([project / "notes.txt"])

    assert [problem.code for problem in checked.problems] == ["E023"]


def test_the_faults_of_a_graph_and_of_a_cast_have_codes_of_their_own(project: Path) -> None:
    (project / "graphs").mkdir()
    (project / "graphs" / "round.py").write_text(ROUND)
    cast = "{panel: [lamp-lighter, skeptic], auditor: {agent: ml-engineer, tools: solution}"
    told = SCENARIO.replace("{panel: [lamp-lighter, skeptic], auditor: lamp-lighter", cast)
    (project / "scenarios" / "dusk.yaml").write_text(told + "decision: {quorum: 3}\n")

    found = {(p.code, p.file, p.line) for p in check().problems if p.code[0] == "G"}

    assert found == {
        ("G004", "graphs/round.py", 4),
        ("G014", "scenarios/dusk.yaml", 6),
        ("G017", "scenarios/dusk.yaml", 5),
    }
