"""The agent that the project began with: every line of its file is read."""

from pathlib import Path

from ensemble.agents.casting import cast
from ensemble.agents.library import load_agent
from ensemble.agents.prompt import Briefing, Standing, escalates, own_part
from ensemble.answers.answer import Wanted
from ensemble.canonical import file_hash


def test_every_field_of_the_frontmatter_is_read(seed: Path) -> None:
    spec = load_agent(seed).spec

    assert spec.name == "ml-engineer"
    assert spec.description.startswith("Builds machine learning models")
    assert spec.model == "opus"
    assert spec.model_fallbacks == (
        "DeepSeek-V3",
        "Qwen2.5-Coder-32B",
        "llama3.3:70b",
        "gemma3:27b",
    )
    assert spec.model_selection.priorities == ("math", "reasoning", "quality")
    assert spec.model_selection.minimum_tier == "medium"
    assert spec.model_selection.profiles == {
        "default": "math_reasoning",
        "interactive": "interactive",
        "batch": "budget",
    }
    assert spec.tier == "expert"
    assert spec.tools.modes == {
        "audit": ("Read", "Grep", "Glob", "Bash"),
        "solution": ("Read", "Write", "Edit", "Grep", "Glob", "Bash"),
        "research": ("Read", "Grep", "Glob", "Bash", "WebSearch", "WebFetch"),
    }
    assert spec.tools.default_mode == "solution"
    assert list(spec.cognitive_modes.modes) == [
        "generative",
        "critical",
        "evaluative",
        "informative",
    ]
    assert all(mode.mindset and mode.output for mode in spec.cognitive_modes.modes.values())
    assert spec.cognitive_modes.default == "generative"
    assert list(spec.ensemble_roles.roles) == [
        "solo",
        "panel_member",
        "auditor",
        "input_provider",
        "decision_maker",
    ]
    assert all(word.behavior for word in spec.ensemble_roles.roles.values())
    assert spec.ensemble_roles.default == "solo"
    assert spec.escalation.confidence_threshold == 0.6
    assert spec.escalation.escalate_to == "senior-architect"
    assert len(spec.escalation.triggers) == 6
    assert (spec.role, spec.load_bearing) == ("executor", False)
    assert spec.proactive_triggers == ("*ml*model*", "*training*", "*.pt", "*.h5")
    assert spec.version == "1.2.0"
    assert spec.audit is not None
    assert (spec.audit["composite_score"], spec.audit["date"]) == (91, "2026-01-24")
    assert len(spec.audit["dimensions"]) == 10
    assert spec.model_extra == {}


def test_every_section_of_the_body_is_read(seed: Path) -> None:
    body = load_agent(seed).body

    assert body.identity.startswith("You are a machine learning engineering specialist")
    assert body.boundaries.startswith("You own model development")
    assert len(body.vocabulary) == 18
    assert len(body.always) == 4
    assert {mode: len(rules) for mode, rules in body.modes.items()} == {
        "generative": 5,
        "critical": 4,
        "evaluative": 2,
        "informative": 2,
    }
    assert len(body.never) == 10
    assert {name: len(items) for name, items in body.specialisations.items()} == {
        "Model Development & Training": 5,
        "GPU Optimization & Performance": 5,
        "Production ML Systems": 5,
    }
    assert len(body.references) == 3
    assert list(body.mcp_servers) == ["model-registry"]
    assert body.envelope.startswith("**Result**: {Implementation")
    assert body.envelope.count("\n") == 3
    assert list(body.output) == ["audit", "solution"]
    assert "### [WARNING] {Finding Title}" in body.output["audit"]
    assert body.output["solution"].endswith(
        "{Future optimizations, monitoring enhancements, technical debt}"
    )


def test_it_is_known_by_the_hash_of_its_bytes(seed: Path) -> None:
    assert load_agent(seed).sha256 == file_hash(seed)


def test_what_its_file_says_of_a_role_reaches_the_prompt_and_its_grade_does_not(seed: Path) -> None:
    agent = load_agent(seed)
    auditor = cast(agent, "auditor", where="here")

    wanted = Wanted(escalates=escalates(auditor))
    prompt = own_part(auditor, Briefing("Review this"), Standing(()), wanted, ())

    assert "Adversarial review, verify claims, validate against best practices" in prompt
    assert "Check for training anti-patterns, data leakage" in prompt
    assert "Data drift detected exceeding monitoring thresholds" in prompt
    assert all(rule not in prompt for rule in agent.body.modes["generative"])
    for claimed in ("production_ready", "composite_score", "rubric", "18 vocabulary terms"):
        assert claimed not in prompt
