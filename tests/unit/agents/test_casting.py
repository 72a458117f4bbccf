"""An agent in a role: its file speaks first, the role's defaults fill in."""

from collections.abc import Callable

import pytest

from ensemble.agents.casting import Casting, cast, role_default
from ensemble.agents.library import Agent
from ensemble.errors import InvalidFile
from ensemble.roles import ROLE_DEFAULTS, Role, Sees

MakeAgent = Callable[..., Agent]
FULL = """
tools:
  audit: Read, Grep, Bash, Read
  solution: Read, Write
  research: Read, WebFetch
  default_mode: solution
cognitive_modes:
  generative: {mindset: Invent}
  critical: {mindset: Attack}
  evaluative: {mindset: Weigh}
  informative: {mindset: Tell}
  default: generative
ensemble_roles:
  auditor: Verify claims
  gatekeeper: {description: Keeps the gate, behavior: Block what is unproven}
"""
CONVERGENT = FULL.replace("  default: generative", "  convergent: {mindset: Merge}")
BARE = "model: opus"
AUDIT, SOLUTION, RESEARCH = ("Read", "Grep", "Bash"), ("Read", "Write"), ("Read", "WebFetch")


def seated(make_agent: MakeAgent, head: str, role: str, **given: str) -> Casting:
    return cast(make_agent(head), role, where="review.yaml:9:3", **given)


@pytest.mark.parametrize(
    ("head", "role", "mode", "tool_mode", "tools"),
    [
        (FULL, "solo", "generative", "solution", SOLUTION),
        (FULL, "panel_member", "evaluative", "audit", AUDIT),
        (FULL, "input_provider", "informative", "research", RESEARCH),
        (FULL, "auditor", "critical", "audit", AUDIT),
        (FULL, "advisee", "generative", "solution", SOLUTION),
        (FULL, "decision_maker", "evaluative", "audit", AUDIT),
        (FULL, "tiebreaker", "evaluative", None, ()),
        (FULL, "gate_reviewer", "critical", "audit", AUDIT),
        (FULL, "gatekeeper", "generative", "solution", SOLUTION),
        (CONVERGENT, "decision_maker", "convergent", "audit", AUDIT),
        (CONVERGENT, "tiebreaker", "convergent", None, ()),
        (CONVERGENT, "panel_member", "evaluative", "audit", AUDIT),
        (CONVERGENT, "solo", "generative", "solution", SOLUTION),
        (FULL.replace("research: Read, WebFetch", "x: Read"), "input_provider",
         "informative", "audit", AUDIT),
        (BARE, "solo", "evaluative", "audit", ()),
        (BARE, "panel_member", "evaluative", "audit", ()),
        (BARE, "input_provider", "informative", "audit", ()),
        (BARE, "decision_maker", "evaluative", "audit", ()),
        (BARE, "tiebreaker", "evaluative", None, ()),
        ("role: executor", "solo", "evaluative", "solution", ()),
        ("role: auditor", "solo", "evaluative", "audit", ()),
        ("role: advisor", "advisee", "evaluative", "audit", ()),
        ("role: auditor\ntools: {default_mode: research, research: Read}", "solo",
         "evaluative", "research", ("Read",)),
        ("tools: Read, Write", "solo", "evaluative", "full", ("Read", "Write")),
        ("tools: Read, Write", "panel_member", "evaluative", "audit", ("Read",)),
        ("tools: Read, WebFetch, Bash", "input_provider", "informative", "research",
         ("Read", "WebFetch")),
    ],
)  # fmt: skip
def test_a_role_means_its_modes_and_tools(
    make_agent: MakeAgent,
    head: str,
    role: str,
    mode: str,
    tool_mode: str | None,
    tools: tuple[str, ...],
) -> None:
    casting = seated(make_agent, head, role)

    assert (casting.mode, casting.tool_mode, casting.tools) == (mode, tool_mode, tools)
    assert casting.audits == (tool_mode == "audit")


@pytest.mark.parametrize(
    ("role", "sees", "takes_position"),
    [
        ("solo", Sees.NOTHING, True),
        ("panel_member", Sees.NOTHING, True),
        ("input_provider", Sees.NOTHING, False),
        ("auditor", Sees.ANSWERS_BLIND, False),
        ("advisee", Sees.OWN_AND_FINDINGS, True),
        ("decision_maker", Sees.EVERYTHING, True),
        ("tiebreaker", Sees.DISAGREEMENT, True),
        ("gate_reviewer", Sees.ANSWERS_BLIND, True),
        ("gatekeeper", Sees.ANSWERS_BLIND, True),
    ],
)
def test_a_role_means_what_it_sees(
    make_agent: MakeAgent, role: str, sees: Sees, *, takes_position: bool
) -> None:
    casting = seated(make_agent, FULL, role)

    assert casting.defaults is role_default(role)
    assert (casting.defaults.sees, casting.defaults.takes_position) == (sees, takes_position)


def test_the_file_speaks_first_and_the_role_fills_in(make_agent: MakeAgent) -> None:
    behaviours = {
        role: seated(make_agent, FULL, role).behaviour for role in ("auditor", "gatekeeper", "solo")
    }

    assert behaviours == {
        "auditor": "Verify claims",
        "gatekeeper": "Block what is unproven",
        "solo": ROLE_DEFAULTS[Role.SOLO].behaviour,
    }


def test_a_description_stands_in_for_a_behaviour(make_agent: MakeAgent) -> None:
    head = "ensemble_roles: {guardian: {description: Guards}, mentor: }"

    assert seated(make_agent, head, "guardian").behaviour == "Guards"
    assert "as your file describes" in seated(make_agent, head, "mentor").behaviour


def test_a_scenario_may_override_the_modes(make_agent: MakeAgent) -> None:
    casting = seated(make_agent, FULL, "panel_member", mode="critical", tool_mode="research")

    assert (casting.mode, casting.tool_mode, casting.tools) == ("critical", "research", RESEARCH)


def test_a_role_without_tools_stays_without(make_agent: MakeAgent) -> None:
    casting = seated(make_agent, FULL, "tiebreaker", tool_mode="solution")

    assert (casting.tool_mode, casting.tools) == (None, ())


def test_a_mode_of_the_format_may_be_given_to_any_agent(make_agent: MakeAgent) -> None:
    assert seated(make_agent, BARE, "solo", mode="convergent").mode == "convergent"


@pytest.mark.parametrize(
    ("role", "given", "problem", "fix"),
    [
        ("auditr", {}, "declares no role 'auditr'", "did you mean 'auditor'?"),
        ("gatekeper", {}, "declares no role 'gatekeper'", "did you mean 'gatekeeper'?"),
        (
            "solo",
            {"mode": "critcal"},
            "has no cognitive mode 'critcal'",
            "did you mean 'critical'?",
        ),
        ("solo", {"tool_mode": "full"}, "lists no tools for mode 'full'", "use one of: audit"),
    ],
)
def test_an_unknown_role_or_mode_is_named_where_the_scenario_says_it(
    make_agent: MakeAgent, role: str, given: dict[str, str], problem: str, fix: str
) -> None:
    with pytest.raises(InvalidFile) as raised:
        seated(make_agent, FULL, role, **given)

    assert raised.value.where == "review.yaml:9:3"
    assert problem in raised.value.problem
    assert raised.value.fix.startswith(fix)
