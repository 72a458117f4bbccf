"""The JSON Schema of agents' frontmatter: the one that the code makes, and files fit it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import pytest
from jsonschema import Draft7Validator

from ensemble.agents.library import load_agent
from ensemble.config import library_folder
from ensemble.scenarios.schemas import schema_of

CHECKOUT: Final = Path(__file__).parents[3]
COMMITTED: Final = CHECKOUT / "schemas" / "agent.schema.json"
WriteAgent = Callable[..., Path]


def misfits(path: Path) -> list[str]:
    """Return what an editor would underline in a file."""
    schema: dict[str, Any] = json.loads(COMMITTED.read_text())
    found = cast("Any", Draft7Validator(schema)).iter_errors(load_agent(path).document.value)
    return [".".join(map(str, error.absolute_path)) for error in found]


def test_the_committed_schema_is_the_one_that_the_code_makes() -> None:
    made = f"{json.dumps(schema_of('agent'), ensure_ascii=False, indent=2)}\n"

    assert COMMITTED.read_text() == made, "run `ensemble schema agent > schemas/…`"


def test_the_schema_is_a_schema() -> None:
    cast("Any", Draft7Validator).check_schema(json.loads(COMMITTED.read_text()))


@pytest.mark.parametrize("name", sorted(p.name for p in (library_folder() / "agents").glob("*.md")))
def test_every_built_in_agent_fits(name: str) -> None:
    assert misfits(library_folder() / "agents" / name) == []


def test_the_seed_fits(seed: Path) -> None:
    assert misfits(seed) == []


@pytest.mark.parametrize(
    "head",
    [
        "ensemble_roles: [solo, auditor]",
        "ensemble_roles: {solo: a, auditor: {behavior: b}, default: solo}",
        "tools: Read, Grep",
        "tools: [Read]",
        "tools: {Read: true, Write: false}",
        "tools: {audit: [Read], solution: null, default_mode: audit}",
        "phase: 5\nversion: 1.10\nprimary_phases: [1, 2-3]",
        "human_decisions_required: {always: [a]}\nown_key: {of: anything}",
    ],
)
def test_every_shape_that_is_read_fits(write_agent: WriteAgent, head: str) -> None:
    assert misfits(write_agent(head)) == []


@pytest.mark.parametrize(
    ("head", "field"),
    [
        ("tools: {audit: {Read: 1}}", "tools"),
        ("cognitive_modes: {critical: Doubt}", "cognitive_modes.critical"),
        ("escalation: {confidence_threshold: 1.5}", "escalation.confidence_threshold"),
        ("load_bearing: often", "load_bearing"),
    ],
)
def test_what_is_refused_does_not_fit(tmp_path: Path, head: str, field: str) -> None:
    from ensemble.agents.frontmatter import read_source

    schema: dict[str, Any] = json.loads(COMMITTED.read_text())
    value = read_source(f"---\nname: x\n{head}\n---\n", str(tmp_path)).document.value
    found = list(cast("Any", Draft7Validator(schema)).iter_errors(value))

    assert field in [".".join(map(str, error.absolute_path)) for error in found]
