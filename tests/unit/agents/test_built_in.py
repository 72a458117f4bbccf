"""The agents that ship with the package: whole, and nobody defers to somebody who is not there."""

import re

import pytest

from ensemble.agents.casting import cast
from ensemble.agents.library import Agent, Library, load_agents
from ensemble.config import library_folder
from ensemble.roles import ROLE_DEFAULTS, CognitiveMode, ToolMode

FOLDER = library_folder() / "agents"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))
DEFERS = re.compile(r"\bdefers? to ([a-z-]+)|\band to ([a-z]+(?:-[a-z]+)+)")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_agents(FOLDER)


def handed_to(agent: Agent) -> set[str]:
    """Name whom the agent hands work to, in its boundaries and its escalation."""
    parts = re.split(r"\s+or\s+|,", re.sub(r"\([^)]*\)", "", agent.spec.escalation.escalate_to))
    deferred = (name for found in DEFERS.findall(agent.body.boundaries) for name in found if name)
    return {*deferred, *(part.strip() for part in parts)}


def test_all_load_without_a_fault(library: Library) -> None:
    assert library.faults == ()
    assert sorted(library) == NAMES
    assert len(NAMES) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_all_whom_an_agent_hands_over_to_are_there(library: Library, name: str) -> None:
    agent = library[name]

    named = handed_to(agent)

    assert named - {"human"} <= set(library)
    assert named
    assert name not in named
    # Each "defer" of the boundaries is one that this test understands.
    understood = [first for first, _ in DEFERS.findall(agent.body.boundaries) if first]
    assert len(understood) == len(re.findall(r"\bdefer", agent.body.boundaries)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_is_whole(library: Library, name: str) -> None:
    spec, body = library[name].spec, library[name].body

    assert spec.description
    assert re.fullmatch(r"\d+\.\d+\.\d+", spec.version)
    assert spec.model
    assert len(spec.model_fallbacks) >= 2
    assert spec.tools.default_mode in spec.tools.modes
    assert set(spec.tools.modes) <= set(ToolMode)
    assert spec.cognitive_modes.default in spec.cognitive_modes.modes
    assert set(spec.cognitive_modes.modes) <= set(CognitiveMode)
    assert set(body.modes) == set(spec.cognitive_modes.modes) - {"convergent"} or set(
        body.modes
    ) == set(spec.cognitive_modes.modes)
    assert spec.ensemble_roles.default in spec.ensemble_roles.roles
    assert spec.escalation.triggers
    assert all((body.identity, body.boundaries, body.vocabulary, body.always, body.never))
    assert body.specialisations
    assert all(body.specialisations.values())
    assert body.references
    assert "**Result**" in body.envelope
    assert {"audit", "solution"} <= set(body.output)
    assert spec.audit is None
    assert spec.model_extra == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ROLE_DEFAULTS)
def test_every_agent_takes_every_role(library: Library, name: str, role: str) -> None:
    casting = cast(library[name], role, where=name)

    assert casting.behaviour
    assert bool(casting.tools) is (role != "tiebreaker")
    assert "Write" not in casting.tools or casting.tool_mode == "solution"


def test_an_agent_that_defers_to_nobody_there_is_found(library: Library) -> None:
    named = {name for agent in library.values() for name in handed_to(agent)}

    assert "senior-architect" in named
    assert DEFERS.findall("You defer to nobody for x, and to some-body, and to us") == [
        ("nobody", ""),
        ("", "some-body"),
    ]
