"""Agents as a user meets them: shown, imported, begun."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from conftest import Command

FIXTURES: Final = Path(__file__).parents[1] / "fixtures" / "agents"


@pytest.mark.parametrize("role", ["solo", "panel_member", "auditor", "input_provider"])
def test_the_seed_is_told_something_else_in_every_role(
    command: "Command", seed: Path, role: str
) -> None:
    view = command.json("show", "agent", str(seed), "--role", role)

    own = {"solo": "Write", "input_provider": "WebSearch"}.get(role, "Read")
    assert own in view["tools"]
    assert view["tokens"] < 0.6 * view["file_tokens"]
    assert view["version"] == "1.2.0"
    assert len(view["sha256"]) == 64
    gone = {item["tool"] for item in view["tool_reasons"] if not item["held"]}
    assert gone == {"Read", "Write", "Edit", "Grep", "Glob", "Bash", "WebSearch", "WebFetch"} - set(
        view["tools"]
    )
    assert list(view["mcp_servers"]) == ["model-registry"]


def test_a_mode_a_tool_mode_and_a_task_change_what_an_agent_is_told(
    command: "Command", seed: Path
) -> None:
    plain = command.json("show", "agent", str(seed))
    changed = command.json(
        *("show", "agent", str(seed), "--role", "panel_member", "--mode", "critical"),
        *(
            "--tool-mode",
            "research",
            "--task",
            "Profile GPU memory usage and gradient accumulation",
        ),
    )

    assert (changed["mode"], changed["tool_mode"]) == ("critical", "research")
    assert "WebFetch" in changed["tools"]
    assert "GPU Optimization & Performance:\n- " in changed["prompt"]
    assert not any(plain["specialisations"].values())
    assert plain["escalation"]["targets"] == [{"name": "senior-architect", "found": True}]
    assert plain["claimed_audit"]["scale"] == 100


def test_an_agents_facts_stand_below_its_prompt(command: "Command", seed: Path) -> None:
    shown = command("show", "agent", str(seed), "--role", "tiebreaker").stdout

    facts = shown.rpartition("-" * 72)[2]
    assert "no tool    Read: the role tiebreaker holds no tools" in facts
    assert "claimed    grade A, score 91 of 100, 2026-01-24; never used" in facts
    assert "mcp        model-registry" in facts


def test_foreign_files_are_imported_with_a_report_of_each_field(
    command: "Command", tmp_path: Path
) -> None:
    to = tmp_path / "agents"

    done = command("agents", "import", str(FIXTURES / "dialects"), "--to", str(to))
    again = command("agents", "import", str(FIXTURES / "dialects"), "--to", str(to), "--json")

    assert done.returncode == 0
    assert "not acted on  maxTurns: a scenario's limits bound a run" in done.stdout
    assert "10 of 10 agents written" in done.stdout
    assert again.returncode == 73
    assert {file["written"] for file in json.loads(again.stdout)["files"]} == {None}
    checked = command.json("check", str(to))
    assert (checked["loaded"], checked["repaired"]) == (10, [])


def test_what_cannot_be_imported_is_named(command: "Command", tmp_path: Path) -> None:
    done = command("agents", "import", str(FIXTURES / "malformed"), "--to", str(tmp_path / "a"))

    assert done.returncode == 3
    assert "never-ends.md:1:1: the frontmatter never ends" in done.stdout
    assert "repaired      R09 line 5" in done.stdout


def test_a_new_agent_wants_nothing_but_to_be_written(command: "Command", tmp_path: Path) -> None:
    made = command("new", "agent", "release-manager", "--to", str(tmp_path / "agents"))
    another = command("new", "agent", "sre", "--to", str(tmp_path / "agents"))

    assert made.returncode == 0
    assert made.stdout.count("wrote ") == 2
    assert "takes the place of the built-in sre" in another.stdout
    schema = json.loads((tmp_path / "schemas" / "agent.schema.json").read_text())
    assert schema["required"] == ["name"]
    checked = command("check", "--strict", "--json", str(tmp_path / "agents"))
    assert checked.returncode == 3
    assert {problem["code"] for problem in json.loads(checked.stdout)["problems"]} == {"W107"}
    assert (
        command("new", "agent", "release-manager", "--to", str(tmp_path / "agents")).returncode == 2
    )
