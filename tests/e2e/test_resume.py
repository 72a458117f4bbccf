"""Runs that end early: killed or paused, and gone on with."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Answering, Command

SMALL = "scenarios/small.yaml"
Wait = Callable[[Callable[[], bool]], None]
SIGNED = """\
schema: ensemble/scenario@1
name: signed
task: Ship it?
choices: [ship, hold, request-changes]
edges:
  - {from: START, to: panel, role: panel_member}
  - {from: panel, to: owner, role: decision_maker}
  - {from: owner, to: END}
cast: {panel: [ml-engineer, human], owner: human}
models: {chain: [test/model]}
decision: {allow: [decided, advisory]}
"""
ANSWER = "**Result**: Rows stand twice.\n**Confidence**: high\n**Position**: request-changes\n"


def test_a_killed_run_goes_on_and_asks_nothing_twice(
    command: "Command", answering: "Answering", wait_until: Wait
) -> None:
    whole = command.json("run", SMALL)["digest"]
    answering.server.requests.clear()
    answering.held_after = 2
    with command.started("run", SMALL) as process:
        wait_until(lambda: answering.asked == 3)
        killed = command.runs[1].name
        wait_until(lambda: replies(command, killed) == 2)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    answering.held_after = None

    resumed = command.json("resume", killed)

    asked = [request["messages"] for request in answering.server.requests]
    assert resumed["status"] == "completed"
    assert resumed["digest"] == whole
    assert len(asked) == 5
    assert asked[2] == asked[3]  # what was in flight is asked once more
    assert all(asked.count(messages) == 1 for messages in (asked[0], asked[1], asked[4]))


def test_a_run_that_has_ended_is_not_gone_on_with(
    command: "Command", answering: "Answering"
) -> None:
    run = command.json("run", SMALL)["run"]

    done = command("resume", run)

    assert done.returncode == 2
    assert f"fix: `ensemble show {run}`" in done.stderr
    assert answering.asked == 4


def test_a_killed_run_whose_scenario_changed_is_refused(
    command: "Command", answering: "Answering", wait_until: Wait
) -> None:
    answering.held_after = 0
    with command.started("run", SMALL):
        wait_until(lambda: answering.asked == 2)
    path = command.project / SMALL
    path.write_text(path.read_text().replace("May the", "Should the"))

    done = command("resume", command.runs[0].name)

    assert done.returncode == 4
    assert "run_started differs\n  field: value.task\n" in done.stderr
    assert answering.asked == 2


def test_a_person_answers_seat_after_seat(command: "Command") -> None:
    first = command("run", SMALL, "--model", "manual")
    run = command.runs[0]
    folder = run / "manual"
    assert first.returncode == 8
    assert (
        f"panel.1.panel_member.0.model.0.answer.md, then ensemble resume {run.name}" in first.stdout
    )
    assert written(command) == ["panel.0.panel_member.0.model.0", "panel.1.panel_member.0.model.0"]
    prompt = (folder / "panel.0.panel_member.0.model.0.prompt.md").read_text()
    assert "May the model trained by train.py be promoted?" in prompt

    answer(command, "panel.0.panel_member.0.model.0")
    second = command("resume", run.name)
    answer(command, "panel.1.panel_member.0.model.0")
    third = command("resume", run.name)
    answer(command, "auditor.auditor.0.model.0")
    fourth = command("resume", run.name)
    answer(command, "chair.decision_maker.0.model.0")
    last = command.json("resume", run.name)

    assert [second.returncode, third.returncode, fourth.returncode] == [8, 8, 8]
    assert "a person has to answer chair/decision_maker#0/model#0" in fourth.stderr
    assert last["status"] == "completed"
    assert {turn["served"] for turn in last["turns"]} == {"manual/person"}
    assert last["usage"]["model_calls"] == 4
    shown = command("list", "runs").stdout.split()
    assert shown[:2] == [run.name, "completed"]


def test_a_paused_run_says_that_it_waits(command: "Command") -> None:
    result = command.json("run", SMALL, "--model", "manual", status=8)

    shown = command("show", result["run"])

    assert result["status"] == "paused"
    assert shown.stdout.startswith("PAUSED: no decision yet")
    for name in written(command):
        assert f"{name}.answer.md, then ensemble resume {result['run']}" in shown.stdout
    assert [item["key"] for item in result["waiting"]] == [
        *("panel[0]/panel_member#0/model#0", "panel[1]/panel_member#0/model#0"),
    ]


def test_answers_are_taken_from_a_folder(command: "Command") -> None:
    folder = command.project / "mine"
    folder.mkdir()
    for seat in ("panel.0.panel_member", "panel.1.panel_member", "auditor.auditor"):
        (folder / f"{seat}.0.model.0.answer.md").write_text(ANSWER)

    asked = command("run", SMALL, "--model", "manual", "--answers", folder)
    (folder / "chair.decision_maker.0.model.0.answer.md").write_text(ANSWER)
    done = command("resume", command.runs[0].name, "--answers", folder)

    assert asked.returncode == 8
    assert "chair.decision_maker.0.model.0.prompt.md" in asked.stdout
    assert done.returncode == 0
    assert done.stdout.startswith("ADVISORY: request-changes")  # nobody settled the gates


def replies(command: "Command", run: str) -> int:
    return sum(event["event"] == "model_replied" for event in command.events(run))


def written(command: "Command") -> list[str]:
    folder = command.runs[0] / "manual"
    return sorted(path.name.removesuffix(".prompt.md") for path in folder.glob("*.prompt.md"))


def answer(command: "Command", name: str) -> None:
    assert name in written(command)
    (command.runs[0] / "manual" / f"{name}.answer.md").write_text(ANSWER)


def test_a_run_waits_for_its_people_and_is_answered_on_the_command_line(
    command: "Command", answering: "Answering"
) -> None:
    (command.project / "scenarios" / "signed.yaml").write_text(SIGNED)

    paused = command("run", "scenarios/signed.yaml")
    assert paused.returncode == 8, paused.stderr
    run = command.runs[-1].name
    unclear = command("resume", run, "--answer", "shipp")
    asked = command("resume", run, "--answer", "panel[1]=ship: I looked")
    signs = command.json("resume", run, "--answer", "hold: V1 rejected, rows stand twice")

    assert f"ensemble resume {run} --answer panel[1]=" in paused.stdout
    assert "Ship it?" in paused.stdout
    assert "Ship it?" not in paused.stderr
    assert "paused: a person has to answer panel[1]/panel_member#0/human#0\n" in paused.stderr
    assert unclear.returncode == 2
    assert "panel[1]/panel_member#0/human#0: 'shipp' is no answer" in unclear.stderr
    assert asked.returncode == 8
    assert "panel[1] human as panel_member:\n  | Position: ship\n" in asked.stdout
    assert (signs["decision"]["seat"], signs["decision"]["position"]) == ("owner", "hold")
    assert [turn["served"] for turn in signs["turns"]][1:] == ["human", "human"]
    assert answering.asked == 1
