"""Recordings: replayed to the same digest without network or environment, or not at all."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Answering, Command

SMALL = "scenarios/small.yaml"


def test_a_live_run_and_two_replays_have_one_digest(recorded: "Command") -> None:
    manifest = json.loads((recording(recorded) / "manifest.json").read_text())

    first, second = (recorded.json("replay", SMALL) for _ in range(2))

    assert first["digest"] == second["digest"] == manifest["digest"]
    assert first["turns"] == second["turns"]
    assert first["status"] == "completed"
    assert not (recorded.project / ".ensemble").exists()


def test_a_replay_needs_no_network_and_no_environment(recorded: "Command") -> None:
    if shutil.which("unshare") is None or subprocess.call(["unshare", "-rn", "true"]):
        reason = "NOT TESTED: this system lets nobody make a network namespace (unshare -rn)"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)

    done = subprocess.run(
        ["unshare", "-rn", *recorded.line("replay", SMALL, "--json")],
        cwd=recorded.project,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == recorded.json("replay", SMALL)["digest"]


@pytest.mark.parametrize(
    ("file", "before", "after", "field", "cause"),
    [
        (
            "agents/ml-engineer.md",
            "## Identity\n",
            "## Identity\n\nYou doubt your own eyes.\n",
            "messages[",
            "agent file (value.agents.ml-engineer",
        ),
        (SMALL, "May the model", "Should the model", "messages[", "scenario"),
        (
            "scenarios/fixtures/leaky-trainer/train.py",
            "import ",
            "import  ",
            "messages[",
            "fixture",
        ),
        (SMALL, "models: {", "models: {params: {seed: 8}, ", "params.seed", "model parameters"),
    ],
)
def test_a_change_diverges_at_the_first_call_that_it_changes(
    recorded: "Command", file: str, before: str, after: str, field: str, cause: str
) -> None:
    edit(recorded.project / file, before, after)

    done = recorded("replay", SMALL)

    assert done.returncode == 4
    assert done.stderr.count("error: ") == 1
    fault = done.stderr[done.stderr.index("error: ") :]
    # Members ask side by side: whichever asks first is named, unless only one of them changed.
    members = "ml-engineer" if file.startswith("agents/") else "ml-engineer|data-scientist"
    assert re.match(
        rf"error: panel\[\d\]/panel_member#0/model#0 \(panel_member, ({members})\): ", fault
    )
    assert re.search(r"call \d of \d asks something else than was recorded", fault)
    assert f"  field: {field}" in fault
    assert "--- recorded" in fault
    assert "+++ now" in fault
    assert f"  cause: {cause}" in fault
    assert "ensemble rerecord" in fault
    assert done.stdout == ""


def test_a_change_that_no_call_shows_diverges_at_the_end(recorded: "Command") -> None:
    (recorded.project / "scenarios" / "fixtures" / "leaky-trainer" / "notes.txt").write_text("new")

    done = recorded("replay", SMALL)

    assert done.returncode == 4
    assert "run_started differs\n  field: value.workspace\n  recorded: " in done.stderr
    assert "\n  now: " in done.stderr


def test_an_edge_more_is_a_divergence(recorded: "Command") -> None:
    edit(recorded.project / SMALL, "quorum: 1", "quorum: 2")

    done = recorded("replay", SMALL)

    assert done.returncode == 4
    assert "  field: value.rules.quorum\n  recorded: 1\n  now: 2\n" in done.stderr


def test_one_changed_character_of_a_recorded_answer_is_refused(recorded: "Command") -> None:
    events = recording(recorded) / "events.jsonl"
    edit(events, "Rows stand in two splits", "Rows stand in few splits")

    done = recorded("replay", SMALL)

    assert done.returncode == 3
    assert re.search(r"events\.jsonl:\d+:1: the recording is cut or was changed here", done.stderr)


def test_a_case_without_a_recording_names_the_command_that_makes_one(command: "Command") -> None:
    done = command("replay", SMALL)

    assert done.returncode == 3
    assert f"fix: make one: `ensemble run {SMALL} --record`" in done.stderr


def test_every_recorded_case_is_replayed_the_base_first(
    recorded: "Command", answering: "Answering", project: Path
) -> None:
    with (recorded.project / SMALL).open("a") as file:
        file.write("cases: [{id: again}, {id: never-recorded}]\n")
    shutil.copy(project / "settings.toml", recorded.project)
    recorded("run", SMALL, "--case", "again", "--record")
    asked = answering.asked

    results = recorded.json("replay", SMALL)["results"]

    assert [one["case"] for one in results] == [None, "again"]
    assert answering.asked == asked


def test_answers_written_by_hand_are_kept_when_an_agent_changes(command: "Command") -> None:
    by_hand = write_answers(command)
    done = command("run", SMALL, "--model", "manual", "--answers", by_hand, "--record")
    assert done.returncode == 0, done.stderr
    edit(command.project / "agents" / "skeptic.md", "## Identity\n", "## Identity\n\nBe brief.\n")
    assert command("replay", SMALL).returncode == 4

    again = command("rerecord", SMALL, "--keep-answers")

    assert again.returncode == 0, again.stderr
    assert "re-keyed 1 of 4 hand-written answers" in again.stdout
    assert command("replay", SMALL).returncode == 0
    manifest = json.loads((recording(command) / "manifest.json").read_text())
    assert manifest["written_by"] == "hand, through `manual`; no model was asked"


def recording(command: "Command") -> Path:
    return command.project / "scenarios" / "recordings" / "small" / "base"


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def write_answers(command: "Command") -> Path:
    """Write what a person would answer at each seat, and return the folder."""
    folder = command.project / "by-hand"
    folder.mkdir()
    text = "**Result**: Rows stand twice.\n**Confidence**: high\n**Position**: request-changes\n"
    settled = "\n## Dispositions\n\n" + "".join(f"- G{n}: accepted, it stands\n" for n in (1, 2, 3))
    for name in ("panel.0.panel_member", "panel.1.panel_member", "auditor.auditor"):
        (folder / f"{name}.0.model.0.answer.md").write_text(text)
    (folder / "chair.decision_maker.0.model.0.answer.md").write_text(text + settled)
    return folder
