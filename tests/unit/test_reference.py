"""The reference pages say what the code says now."""

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.agents.markdown import Body
from ensemble.agents.spec import AgentSpec
from ensemble.graph.condition_text import CONDITIONS
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.spec import Scenario

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
FILES: Final = ("agent-file.md", "cli.md", "lab.md", "scenario.md", "settings.md")


def the_script(name: str = "make") -> Any:
    spec = importlib.util.spec_from_file_location(f"{name}_reference", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.parametrize("file", FILES)
def test_a_page_is_what_the_code_says(file: str) -> None:
    page = the_script().PAGES[file]()

    assert (FOLDER / file).read_text(encoding="utf-8") == page, "run `just reference`"


def test_the_topologies_are_drawn_as_their_files_say() -> None:
    kept = (FOLDER.parent / "topologies.md").read_text(encoding="utf-8")

    assert kept == the_script("topologies").page(), "run `just reference`"
    assert kept.count("```mermaid") == len([*(FOLDER.parents[1] / "graphs").glob("*.py")])


def test_every_condition_of_a_scenario_is_explained() -> None:
    kept = (FOLDER.parent / "topologies.md").read_text(encoding="utf-8")

    rows = {line.split("`")[1].partition("(")[0] for line in kept.splitlines() if "| `" in line}
    assert set(CONDITIONS) <= rows


def test_the_scenario_of_the_topologies_page_loads(tmp_path: Path) -> None:
    kept = (FOLDER.parent / "topologies.md").read_text(encoding="utf-8")
    path = tmp_path / "index-choice.yaml"
    path.write_text(kept.partition("```yaml\n")[2].partition("```")[0])

    loaded = load_scenario(path)

    assert loaded.ensemble.topology.decider() == "chair"


def test_every_page_is_written_by_the_script() -> None:
    kept = {path.name for path in FOLDER.glob("*.md")}

    assert kept == set(FILES) == set(the_script().PAGES)


def test_every_key_of_a_scenario_and_of_an_agent_has_a_row() -> None:
    script = the_script()

    scenario, agent = script.scenario_page(), script.agent_page()

    keys = {field.alias or name for name, field in Scenario.model_fields.items()}
    assert {key for key in keys if f"| `{key}` |" not in scenario} == set()
    assert {key for key in AgentSpec.model_fields if f"| `{key}` |" not in agent} == set()


def test_every_part_of_an_agents_body_has_a_row() -> None:
    page = the_script().agent_page()

    assert [f.name for f in fields(Body) if f"| {f.name} |" not in page] == []


@pytest.mark.parametrize("file", FILES)
def test_no_row_is_without_its_sentence(file: str) -> None:
    page: str = the_script().PAGES[file]()

    assert [line for line in page.splitlines() if line.endswith("|  |")] == []


def test_every_command_and_option_of_the_command_line_is_listed() -> None:
    page = the_script().cli_page()

    assert "## ensemble models fetch" in page
    assert "| `--keep-answers` | Keep answers that a person wrote, re-keyed. |" in page
    assert "`ensemble list [OPTIONS] [KIND]`" in page
    assert "\n- 130 interrupted\n" in page


def test_every_link_leads_to_a_section() -> None:
    for file in FILES:
        page = (FOLDER / file).read_text(encoding="utf-8")
        sections = {line[3:].lower() for line in page.splitlines() if line.startswith("## ")}

        linked = {part.partition(")")[0] for part in page.split("](#")[1:]}

        assert linked <= sections
