"""Files that do not fit: every fault of all of them at once, and no model is asked."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Answering, Command

GOOD = """\
schema: ensemble/scenario@1
name: other
task: Is it sound?
inputs: {workspace: fixtures/leaky-trainer, files: [train.py]}
graph: review
models: {chain: [test/model]}
"""


@pytest.mark.parametrize(
    ("before", "after", "where", "problem", "fix"),
    [
        ("graph: review", "graf: review", "5:1", "graf: no such key", "did you mean 'graph'?"),
        ("graph: review", "graph: reveiw", "5:8", "no graph is called", "did you mean 'review'?"),
        ("[train.py]", "[trian.py]", "4:53", "has no file 'trian.py'", "did you mean 'train.py'?"),
        ("fixtures/leaky-trainer", "nowhere", "4:21", "is no folder", "make scenarios/nowhere"),
        ("task: Is it sound?", "task: ''", "3:7", "task: String should have", "mend the value"),
        ("name: other", "name: No Slug", "2:7", "name: String should match", "mend the value"),
        ("name: other\n", "", "1:1", "name: Field required", "mend the value"),
        ("name: other", "name: [a", "3:5", "this is not YAML", "close the ["),
        ("name: other", "name: &x other", "2:7", "an anchor, &x", "delete it"),
        ("name: other", "name: *x", "2:7", "an alias, *x", "write the value out"),
        ("name: other", "name: !!str other", "2:7", "a tag, tag:yaml.org", "delete it"),
        ("name: other", "name: a\nname: b", "3:1", "stands in line 2 already", "keep one"),
        ("name: other", f"name: {'[' * 500}{']' * 500}", "2:38", "more than 32", "nest less"),
        ("name: other", 'name: "\\0"', "2:7", "a control character", "leave the character out"),
    ],
)
def test_one_fault_is_named_with_its_place_and_its_fix(
    command: "Command",
    answering: "Answering",
    before: str,
    after: str,
    where: str,
    problem: str,
    fix: str,
) -> None:
    path = command.project / "scenarios" / "other.yaml"
    path.write_text(GOOD.replace(before, after, 1))

    done = command("run", "scenarios/other.yaml")

    assert done.returncode == 3
    first, *rest = done.stderr.splitlines()
    assert first.startswith(f"error: scenarios/other.yaml:{where}: ")
    assert problem in first
    assert rest[0].startswith("  fix: ")
    assert fix in rest[0]
    assert len(rest) == 1
    assert (answering.asked, command.runs) == (0, [])


@pytest.mark.parametrize(
    ("cast", "where", "problem", "fix"),
    [
        ("{auditor: skeptik}", "7:17", "no agent is called 'skeptik'", "did you mean 'skeptic'?"),
        ("{judge: skeptic}", "7:15", "has no seat 'judge'", "use one of: auditor, chair, panel"),
        (
            "{auditor: {agent: skeptic, mode: critcal}}",
            "7:17",
            "has no cognitive mode 'critcal'",
            "did you mean 'critical'?",
        ),
        (
            "{auditor: {agent: skeptic, mood: critical}}",
            "7:34",
            "cast.auditor.mood: no such key",
            "",
        ),
    ],
)
def test_a_fault_of_the_cast_is_named(
    command: "Command", cast: str, where: str, problem: str, fix: str
) -> None:
    (command.project / "scenarios" / "other.yaml").write_text(f"{GOOD}cast: {cast}\n")

    done = command("run", "scenarios/other.yaml")

    assert done.returncode == 3
    assert f"scenarios/other.yaml:{where}: " in done.stderr
    assert problem in done.stderr
    assert fix in done.stderr
    assert done.stderr.count("  fix: ") == 1


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("{tool: train, dataset: digits, epochs: 100000}", "epochs: Input should be less than"),
        ("{tool: train, dataset: digits, arch: rnn}", "arch: Input should be 'mlp' or 'cnn'"),
        ("{tool: train, dataset: digits, run: ls}", "run: Extra inputs are not permitted"),
        ("{tool: bash}", "tool: the lab has no tool 'bash'"),
        ("{tool: evaluate, of: nothing}", "of: nothing measured before is called 'nothing'"),
    ],
)
def test_a_lab_spec_that_does_not_fit_is_named(
    command: "Command", answering: "Answering", spec: str, problem: str
) -> None:
    (command.project / "scenarios" / "other.yaml").write_text(f"{GOOD}lab: {{before: [{spec}]}}\n")

    done = command("run", "scenarios/other.yaml")

    assert done.returncode == 3
    assert f"error: scenarios/other.yaml:7:16: {problem}" in done.stderr
    assert (answering.asked, command.runs) == (0, [])


AGENT = """\
---
name: tester
model: opus
escalation: {confidence_threshold: 7}
model_selection: {minimum_tier: gigantic}
---
# Tester
"""


@pytest.mark.parametrize("words", ["check", "check scenarios/other.yaml agents/tester.md"])
def test_five_faults_of_a_scenario_and_two_of_an_agent_are_seven(
    command: "Command", words: str
) -> None:
    (command.project / "agents" / "tester.md").write_text(AGENT)
    (command.project / "scenarios" / "other.yaml").write_text(
        GOOD.replace("[train.py]", "[trian.py]")
        + "colour: red\nlimits: {wall_s: -5}\nchoices: [yes-it-is]\nexpect: {position: maybe}\n"
        "cast: {panel: [tester, skeptic], chair: nobody}\n"
    )

    checked = command.json(*words.split(), status=3)

    errors = [problem for problem in checked["problems"] if problem["severity"] == "error"]
    places = [f"{Path(p['file']).name}:{p['line']}:{p['column']}" for p in errors]
    assert sorted(places) == [
        "other.yaml:10:20",
        "other.yaml:11:41",
        "other.yaml:4:53",
        "other.yaml:7:1",
        "other.yaml:8:18",
        "tester.md:4:36",
        "tester.md:5:33",
    ]
    assert all(problem["fix"] and problem["message"] for problem in checked["problems"])


def test_a_run_names_every_fault_too_and_asks_nobody(
    command: "Command", answering: "Answering"
) -> None:
    (command.project / "agents" / "tester.md").write_text(AGENT)
    (command.project / "scenarios" / "other.yaml").write_text(
        f"{GOOD}colour: red\ncast: {{panel: [tester, skeptic], chair: nobody}}\n"
    )

    done = command("run", "scenarios/other.yaml")

    assert done.returncode == 3
    assert done.stderr.count("  fix: ") == 4
    assert (answering.asked, command.runs) == (0, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# Tester\n", "tester.md:1:1: E003 has no frontmatter"),
        ("---\nname: tester\n", "tester.md:1:1: E004 the frontmatter never ends"),
        ("---\n- tester\n---\n", "tester.md:2:3: E007 the frontmatter is no mapping"),
        ("---\nname: &a tester\n---\n", "tester.md:2:7: E006 an anchor"),
        ("", "tester.md:1:1: E003 has no frontmatter"),
    ],
)
def test_an_agent_file_that_does_not_fit_is_named(
    command: "Command", text: str, problem: str
) -> None:
    (command.project / "agents" / "tester.md").write_text(text)

    checked = command("check", "agents/tester.md")

    assert checked.returncode == 3
    assert problem in checked.stdout
    assert checked.stdout.endswith("1 files checked, 1 errors, 0 warnings\n")


def test_a_poison_agent_file_stops_only_who_seats_it(
    command: "Command", answering: "Answering"
) -> None:
    (command.project / "agents" / "tester.md").write_text("# Tester\n")

    others = command("list", "agents")
    run = command("run", "scenarios/small.yaml")

    assert "skeptic" in others.stdout
    assert "has no frontmatter" in others.stdout
    assert run.returncode == 0


def test_settings_that_do_not_fit_are_named(command: "Command") -> None:
    (command.project / "settings.toml").write_text("colour = 'red'\n")

    done = command("run", "scenarios/small.yaml")

    assert done.returncode == 3
    assert "settings.toml:1:1: colour: there is no such key" in done.stderr
    assert "fix: use one of: aliases" in done.stderr
