"""The shapes that agent files use for the same thing, and the one they become."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from ensemble.agents.library import Agent
from ensemble.agents.spec import AgentSpec
from ensemble.errors import InvalidFile

MakeAgent = Callable[..., Agent]


def a_spec(**given: Any) -> AgentSpec:
    return AgentSpec.model_validate({"name": "tester", **given})


@pytest.mark.parametrize(
    ("given", "behaviours", "default"),
    [
        ({"auditor": "Verify", "default": "auditor"}, {"auditor": "Verify"}, "auditor"),
        ({"auditor": {"behavior": "Verify"}}, {"auditor": "Verify"}, None),
        (
            {"auditor": {"description": "d", "behavior": "Verify"}, "default": "auditor"},
            {"auditor": "Verify"},
            "auditor",
        ),
        (["auditor", "solo"], {"auditor": "", "solo": ""}, None),
        ({"gatekeeper": "Block", "solo": None}, {"gatekeeper": "Block", "solo": ""}, None),
        ({"default": "solo"}, {}, "solo"),
        ([], {}, None),
        (None, {}, None),
    ],
)
def test_roles_come_in_three_shapes(
    given: Any, behaviours: dict[str, str], default: str | None
) -> None:
    roles = a_spec(ensemble_roles=given).ensemble_roles

    assert {name: word.behavior for name, word in roles.roles.items()} == behaviours
    assert roles.default == default


@pytest.mark.parametrize(
    ("given", "modes", "default"),
    [
        ({"audit": "Read, Grep"}, {"audit": ("Read", "Grep")}, None),
        ({"audit": "Read,Grep ,, "}, {"audit": ("Read", "Grep")}, None),
        ({"audit": ["Read"], "default_mode": "audit"}, {"audit": ("Read",)}, "audit"),
        ({"audit": None, "solution": ""}, {"audit": (), "solution": ()}, None),
        ("Read, Write", {"full": ("Read", "Write")}, "full"),
        (["Read", "Write"], {"full": ("Read", "Write")}, "full"),
        ([], {"full": ()}, "full"),
        (None, {}, None),
    ],
)
def test_tools_are_comma_text_lists_or_modes_of_either(
    given: Any, modes: dict[str, tuple[str, ...]], default: str | None
) -> None:
    tools = a_spec(tools=given).tools

    assert tools.modes == modes
    assert tools.default_mode == default


def test_tools_that_are_not_named_are_none() -> None:
    assert a_spec().tools.modes == {}


@pytest.mark.parametrize("name", ["risk", "risk_profile", "risks"])
def test_a_modes_risk_has_one_name(name: str) -> None:
    modes = a_spec(cognitive_modes={"critical": {"mindset": "Doubt", name: "Over-criticises"}})

    assert modes.cognitive_modes.modes["critical"].risk == "Over-criticises"


@pytest.mark.parametrize("version", ["1.10", "1.2.0", "2", "0x10", "1e3", "true"])
def test_a_version_stays_the_text_it_is(make_agent: MakeAgent, version: str) -> None:
    assert make_agent(f"version: {version}").spec.version == version


def test_keys_that_nobody_knows_are_kept() -> None:
    spec = a_spec(colour="6-9", cognitive_modes={"critical": {"colour": "red"}})

    assert spec.model_extra == {"colour": "6-9"}
    assert spec.cognitive_modes.modes["critical"].model_extra == {"colour": "red"}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("senior-architect", ("senior-architect",)),
        ("human", ("human",)),
        ("one or two (lead)", ("one", "two")),
        ("human (security lead) or first-one", ("human", "first-one")),
        ("one, two / three", ("one", "two", "three")),
        ("one or one", ("one",)),
        (["one", "two"], ("one", "two")),
        (None, ("human",)),
        ("(nobody)", ()),
    ],
)
def test_whom_an_agent_escalates_to_is_free_text(text: Any, targets: tuple[str, ...]) -> None:
    assert a_spec(escalation={"escalate_to": text}).escalation.targets == targets


@pytest.mark.parametrize(
    ("given", "usual"),
    [
        ({"cognitive_modes": {"critical": {}}, "default_cognitive_mode": "critical"}, "critical"),
        ({"cognitive_modes": {"critical": {}, "default": "evaluative"}}, "evaluative"),
        ({"cognitive_modes": {"critical": {}, "default": "nonsense"}}, "critical"),
        ({"cognitive_modes": {"default": "generative"}}, "generative"),
        ({"default_cognitive_mode": "informative"}, "informative"),
        ({}, "evaluative"),
    ],
)
def test_a_default_mode_may_name_one_that_is_not_defined(given: Any, usual: str) -> None:
    assert a_spec(**given).cognitive_modes.usual == usual


def test_tools_may_be_switched_on_and_off() -> None:
    tools = a_spec(tools={"Read": True, "Write": False}).tools

    assert (tools.modes, tools.default_mode) == ({"full": ("Read",)}, "full")


def test_a_tool_may_hold_commas_of_its_own() -> None:
    tools = a_spec(tools="Read, Agent(one, two), Bash(git log, x)").tools

    assert tools.modes["full"] == ("Read", "Agent(one, two)", "Bash(git log, x)")
    assert a_spec(tools="Bash(git, Read").tools.modes["full"] == ("Bash(git", "Read")


def test_a_flat_list_gives_each_mode_what_fits_it() -> None:
    tools = a_spec(tools="Read, Bash, WebFetch, Write").tools

    assert tools.listed("audit") == ("Read",)
    assert tools.listed("research") == ("Read", "WebFetch")
    assert tools.listed("solution") == tools.listed("full") == ("Read", "Bash", "WebFetch", "Write")
    assert tools.listed("other") == ("Read",)
    assert tools.listed(None) == ()


def test_pipelines_gates_and_decisions_of_people_are_read(make_agent: MakeAgent) -> None:
    spec = make_agent(
        "phase: 6-9\ngate_type: go-no-go\ngate_trigger: alignment_score < 0.6\n"
        "previous_phase: planner\nnext_phase: complete\nprimary_phases: [1, 6-9]\n"
        "gate_integration: true\nhuman_decisions_required: {always: [Going live], gates: One}"
    ).spec

    assert (spec.phase, spec.gate_type, spec.gate_trigger) == (
        *("6-9", "go-no-go", "alignment_score < 0.6"),
    )
    assert (spec.previous_phase, spec.next_phase, spec.primary_phases) == (
        *("planner", "complete", ("1", "6-9")),
    )
    assert spec.gate_integration
    assert spec.human_decisions_required == {"always": ("Going live",), "gates": ("One",)}
    assert spec.model_extra == {}


def test_servers_of_frontmatter_and_body_are_merged(make_agent: MakeAgent) -> None:
    agent = make_agent("mcp_servers: {github: {description: Ours}, more: {}}")

    assert agent.mcp_servers == {"github": {"description": "Ours"}, "more": {}}
    assert make_agent().mcp_servers == {"github": {"description": "Issues"}}


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        a_spec().name = "other"


@pytest.mark.parametrize(
    ("head", "field", "place"),
    [
        ("name: [tester]", "name", "2:7"),
        ("escalation: {confidence_threshold: 1.5}", "confidence_threshold", "4:36"),
        ("escalation:\n  confidence_threshold: high", "confidence_threshold", "5:25"),
        ("model_selection: {minimum_tier: giant}", "minimum_tier", "4:33"),
        ("tools: {audit: {Read: true}}", "tools", "4:16"),
        ("tools: 7", "tools", "4:8"),
        ("ensemble_roles: [{auditor: Verify}]", "ensemble_roles", "4:17"),
        ("ensemble_roles: solo", "ensemble_roles", "4:17"),
        ("cognitive_modes: {critical: Doubt}", "cognitive_modes", "4:29"),
        ("model_fallbacks: opus", "model_fallbacks", "4:18"),
        ("load_bearing: often", "load_bearing", "4:15"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_its_place(
    make_agent: MakeAgent, head: str, field: str, place: str
) -> None:
    with pytest.raises(InvalidFile) as raised:
        make_agent(head)

    assert field in raised.value.problem
    assert raised.value.where.endswith(f"tester.md:{place}")
    assert raised.value.status == 3


def test_all_fields_that_do_not_fit_are_named_at_once(make_agent: MakeAgent) -> None:
    with pytest.raises(Exception, match="load_bearing") as raised:
        make_agent("load_bearing: often\nmodel: [a]")

    assert "model" in str(raised.value)
    assert str(raised.value).count("fix: ") == 2


def test_a_default_mode_may_stand_among_the_modes_under_its_long_name() -> None:
    given = {"critical": {"mindset": "Doubt"}, "default_cognitive_mode": "critical"}

    modes = AgentSpec.model_validate({"name": "x", "cognitive_modes": given}).cognitive_modes

    assert (modes.default, list(modes.modes)) == ("critical", ["critical"])
