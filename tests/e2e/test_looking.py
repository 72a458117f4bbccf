"""Commands that look: check, draw, plan, show, list, doctor, lab, schema."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from conftest import Answering, Command

CHECKOUT: Final = Path(__file__).parents[2]
SMALL = "scenarios/small.yaml"
EVIL = """\
from pathlib import Path
Path({canary!r}).write_text("ran")
from ensemble import END, START, Edge, Role, Topology
topology = Topology("evil", (Edge(START, "judge", Role.SOLO), Edge("judge", END)))
"""


def test_the_whole_project_is_checked_without_arguments(command: "Command") -> None:
    checked = command.json("check")

    kinds = {"agents": "*.md", "graphs": "*.py", "scenarios": "*.yaml"}
    there = [path for name, kind in kinds.items() for path in (command.project / name).glob(kind)]
    assert checked["schema"] == "ensemble/check@1"
    assert (checked["files"], checked["loaded"]) == (len(there), len(there))
    assert [problem for problem in checked["problems"] if problem["severity"] == "error"] == []


def test_files_are_checked_by_name(command: "Command") -> None:
    done = command("check", "agents/skeptic.md", "graphs/review.py", SMALL)

    assert done.returncode == 0
    assert done.stdout == "3 files checked, 0 errors, 0 warnings\n"


@pytest.mark.parametrize("what", ["", "graphs/evil.py", "scenarios/trap.yaml"])
def test_a_foreign_folders_code_is_never_run(command: "Command", tmp_path: Path, what: str) -> None:
    canary, foreign = tmp_path / "canary", tmp_path / "foreign"
    for name in ("graphs", "scenarios"):
        (foreign / name).mkdir(parents=True)
    (foreign / "graphs" / "evil.py").write_text(EVIL.format(canary=str(canary)))
    (foreign / "scenarios" / "trap.yaml").write_text(
        "schema: ensemble/scenario@1\nname: trap\ntask: Sound?\ngraph: evil\n"
    )

    done = command("check", foreign / what)

    assert done.returncode == 0, done.stdout
    assert not canary.exists()


def test_a_foreign_file_outside_any_project_is_not_run_either(
    command: "Command", tmp_path: Path
) -> None:
    canary, away = tmp_path / "canary", tmp_path / "away"
    away.mkdir()
    (away / "evil.py").write_text(EVIL.format(canary=str(canary)))
    (away / "broken.py").write_text("def (\n")

    checked = command.json("check", away / "evil.py", away / "broken.py", status=3)

    assert not canary.exists()
    (problem,) = checked["problems"]
    assert problem["file"] == str(away / "broken.py")
    assert (problem["code"], problem["line"], problem["column"]) == ("E021", 1, 5)


def test_a_projects_own_graph_is_run(command: "Command", tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (command.project / "graphs" / "mine.py").write_text(EVIL.format(canary=str(canary)))
    (command.project / "graphs" / "bad.py").write_text("x = 1\nraise ValueError('no')\n")

    checked = command.json("check", status=3)

    assert canary.exists()
    (problem,) = [each for each in checked["problems"] if each["severity"] == "error"]
    assert (problem["file"], problem["line"]) == ("graphs/bad.py", 2)
    assert problem["message"] == "the graph file fails: ValueError: no"


SLIP: Final = ("tier: expert", "teir: expert")


def test_a_slip_fails_only_a_strict_check_and_is_mended_by_request(command: "Command") -> None:
    path = command.project / "agents" / "skeptic.md"
    sound = path.read_text()
    path.write_text(sound.replace(*SLIP))

    lenient, strict = command("check", path), command("check", path, "--strict")
    mended = command("check", path, "--strict", "--fix")

    assert (lenient.returncode, strict.returncode, mended.returncode) == (0, 3, 0)
    assert "agents/skeptic.md:18:1: W101 the key 'teir' does nothing" in lenient.stdout
    assert mended.stdout.startswith("agents/skeptic.md: mended W101\n")
    assert path.read_text() == sound


def test_problems_are_printed_as_sarif(command: "Command") -> None:
    path = command.project / "agents" / "skeptic.md"
    path.write_text(path.read_text().replace(*SLIP))

    done = command("check", path, "--sarif")

    log = json.loads(done.stdout)
    (result,) = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert result["ruleId"] == "W101"
    assert place["artifactLocation"]["uri"] == "agents/skeptic.md"
    assert command("check", path, "--sarif", "--json").returncode == 2


def test_a_cast_is_proposed_for_files_and_a_task(command: "Command") -> None:
    words = ("cast", "--for", "scenarios/fixtures/leaky-trainer", "--task", "Check the training")

    shown, told = command(*words), command.json(*words)

    assert shown.returncode == 0
    assert shown.stdout.endswith(f"graph: review\n{told['block']}\n")
    assert "ml-engineer" in told["cast"]["panel"]
    assert {seat["seat"] for seat in told["seats"]} == {"panel", "auditor", "chair"}
    assert all(seat["reasons"] for seat in told["seats"])


def test_a_cast_for_nothing_that_is_there_is_a_usage_error(command: "Command") -> None:
    assert command("cast", "--for", "nowhere").returncode == 2
    assert command("cast").returncode == 2


def test_a_graph_is_drawn_as_mermaid_and_as_svg(command: "Command", tmp_path: Path) -> None:
    done = command("draw", SMALL, "--svg", tmp_path / "small.svg")

    root = ET.parse(tmp_path / "small.svg").getroot()  # noqa: S314 - our own drawing
    words = "".join(root.itertext())
    assert done.returncode == 0
    assert done.stdout.startswith("flowchart LR\n")
    assert 'start -->|"panel_member"| seat_panel' in done.stdout
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert all(name in words for name in ("ml-engineer", "data-scientist", "skeptic", "auditor"))


OWN_EDGES = """\
schema: ensemble/scenario@1
name: own
task: Which?
choices: [promote, request-changes]
models: {chain: [test/model]}
edges:
  - {from: START, to: panel, role: panel_member}
  - {from: panel, to: breaker, role: tiebreaker, when: split & ~majority}
  - {from: panel, to: END}
  - {from: breaker, to: END}
cast: {panel: [ml-engineer, data-scientist], breaker: senior-architect}
"""


def test_a_scenario_with_its_own_edges_is_checked_drawn_planned_and_run(
    command: "Command", answering: "Answering"
) -> None:
    (command.project / "scenarios" / "own.yaml").write_text(OWN_EDGES)

    checked = command("check", "scenarios/own.yaml")
    drawn = command("draw", "scenarios/own.yaml")
    plan = command.json("plan", "scenarios/own.yaml")
    ran = command.json("run", "scenarios/own.yaml")
    took = command("draw", ran["run"])

    assert checked.returncode == 0, checked.stdout
    assert '-->|"tiebreaker<br/>if split and not majority"| seat_breaker' in drawn.stdout
    assert plan["clean"]["model_calls"] == 2
    assert (ran["status"], answering.asked) == ("completed", 2)
    assert 'start ==>|"panel_member"| seat_panel' in took.stdout
    assert 'seat_panel -->|"tiebreaker<br/>if split and not majority"| seat_breaker' in took.stdout
    assert 'seat_panel ==>|"else"| finish' in took.stdout
    assert "class seat_breaker idle" in took.stdout


def test_a_drawing_that_cannot_be_written_says_so(command: "Command") -> None:
    done = command("draw", "review", "--svg", "nowhere/review.svg")

    assert done.returncode == 73
    assert "nowhere/review.svg: cannot write" in done.stderr


@pytest.mark.parametrize(("calls", "status"), [(3, 5), (4, 0)])
def test_a_plan_refuses_what_is_over_the_limits_in_the_clean_case_only(
    command: "Command", answering: "Answering", calls: int, status: int
) -> None:
    with (command.project / SMALL).open("a") as file:
        file.write(f"limits: {{model_calls: {calls}}}\n")

    plan = command.json("plan", SMALL, status=status)

    assert plan["schema"] == "ensemble/plan@1"
    assert plan["clean"]["model_calls"] == 4
    assert plan["worst"]["model_calls"] > 4
    assert plan["limits"]["model_calls"] == calls
    assert len(plan["turns"]) == 4
    assert answering.asked == 0


def test_an_agent_is_shown_as_a_model_would_read_it(command: "Command") -> None:
    shown = command.json("show", "agent", "ml-engineer", "--role", "auditor")
    printed = command("show", "agent", "ml-engineer", "--role", "auditor")

    assert (shown["schema"], shown["role"]) == ("ensemble/agent@1", "auditor")
    assert 0 < shown["tokens"] < shown["file_tokens"]
    assert "Read" in shown["tools"]
    assert set(shown["escalation"]) >= {"confidence_threshold"}
    assert printed.stdout.startswith(shown["prompt"] + "\n\n---")


def test_the_role_changes_what_an_agent_is_told(command: "Command") -> None:
    auditor = command.json("show", "agent", "skeptic", "--role", "auditor")
    member = command.json("show", "agent", "skeptic", "--role", "panel_member")

    assert auditor["prompt"] != member["prompt"]
    assert (auditor["mode"], member["mode"]) == ("critical", "evaluative")


def test_a_role_that_the_agent_does_not_declare_is_refused(command: "Command") -> None:
    done = command("show", "agent", "skeptic", "--role", "king")

    assert done.returncode == 3
    assert "declares no role 'king'" in done.stderr


@pytest.mark.parametrize(
    ("kind", "named"),
    [("agents", "skeptic"), ("graphs", "review"), ("scenarios", "small.yaml")],
)
def test_what_a_project_holds_is_listed(command: "Command", kind: str, named: str) -> None:
    rows = command.json("list", kind)
    text = command("list", kind)

    assert any(named in json.dumps(row) for row in rows)
    assert named in text.stdout
    assert command("list", "runs").stdout == "no runs here\n"


def test_the_doctor_says_what_is_missing_and_how_to_get_it(
    command: "Command", tmp_path: Path
) -> None:
    nothing = {"ENSEMBLE_OFFLINE": "1", "ENSEMBLE_CACHE": str(tmp_path / "no-cache")}

    told = command.json("doctor", status=6, env=nothing)

    points = {point["name"]: point for point in told["points"]}
    assert told["schema"] == "ensemble/doctor@1"
    assert points["langgraph"]["ok"]
    assert not points["embedded model"]["ok"]
    assert "ensemble models fetch" in points["embedded model"]["fix"]
    assert all(point["fix"] for point in told["points"])


def test_the_doctor_is_content_where_a_model_answers(
    command: "Command", answering: "Answering", tmp_path: Path
) -> None:
    nothing = {"ENSEMBLE_OFFLINE": "1", "ENSEMBLE_CACHE": str(tmp_path / "no-cache")}

    done = command("doctor", env=nothing)

    assert done.returncode == 0
    assert f"ok  server test: answers at {answering.server.base_url}" in done.stdout


def test_the_chain_of_an_agent_says_why_each_model_is_passed_over(command: "Command") -> None:
    chains = command.json("models", "list", "skeptic")
    text = command("models", "list", "skeptic")

    (only,) = chains
    assert only["agent"] == "skeptic"
    assert all(candidate["reason"] for candidate in only["chain"])
    assert "no    opus" in text.stdout


def test_the_lab_measures_from_the_shell_and_keeps_the_answer(command: "Command") -> None:
    words = ("lab", "train", "dataset=digits", "epochs=1")

    first = command.json(*words)
    again = command.json(*words)
    printed = command("lab", "evaluate", f"of={first['cache_key']}", "split=test")

    assert (first["status"], first["cached"], again["cached"]) == ("ok", False, True)
    assert again["value"] == first["value"]
    assert first["passport"]["device"] == "cpu"
    assert printed.returncode == 0
    assert printed.stdout.startswith("evaluate: ok")
    assert "test_accuracy" in printed.stdout or "accuracy" in printed.stdout


def test_the_committed_schema_is_the_one_that_is_printed(command: "Command") -> None:
    printed = command("schema", "scenario")

    committed = (CHECKOUT / "schemas" / "scenario.schema.json").read_text()
    assert printed.stdout == committed, "run `ensemble schema scenario > schemas/…`"


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ("", "", 0),
        ("graph: review", "graf: review", 1),
        ("quorum: 1", "quorum: many", 1),
        ("schema: ensemble/scenario@1", "schema: ensemble/scenario@9", 1),
    ],
)
def test_another_programs_validator_judges_scenarios_by_the_schema(
    command: "Command", before: str, after: str, status: int
) -> None:
    path = command.project / SMALL
    path.write_text(path.read_text().replace(before, after) if before else path.read_text())
    files = [str(path)] if before else [str(path), *scenarios()]

    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--schemafile", SCHEMA, *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == status, done.stdout + done.stderr


@pytest.mark.parametrize("of", ["agent", "lab"])
def test_further_schemas_are_printed(command: "Command", of: str) -> None:
    printed = command("schema", of)

    assert "additionalProperties" in printed.stdout
    assert json.loads(printed.stdout)


def scenarios() -> list[str]:
    return [str(path) for path in sorted((CHECKOUT / "scenarios").glob("*.yaml"))]


SCHEMA: Final = str(CHECKOUT / "schemas" / "scenario.schema.json")
