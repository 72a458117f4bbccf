"""The body cut into its parts: fences hold text, and no instruction is lost on the way."""

from collections.abc import Callable

import pytest

from ensemble.agents.library import Agent
from ensemble.agents.markdown import Body, read_body

MakeAgent = Callable[..., Agent]


@pytest.fixture
def body(make_agent: MakeAgent) -> Body:
    return make_agent().body


def test_identity_keeps_its_prose_and_gives_up_two_labels(body: Body) -> None:
    assert body.identity == (
        "You test things through a lens of **doubt**.\n\n"
        "**Interpretive Lens**: What would we see if this were wrong?"
    )
    assert body.boundaries == "You own tests. You defer to skeptic for claims."
    assert body.vocabulary == ("mutation", "fixture", "coverage")


@pytest.mark.parametrize(
    "label", ["**Vocabulary**: ", "**Vocabulary:** ", "**Vocabulary Calibration**: "]
)
def test_a_label_may_hold_its_colon_inside(label: str) -> None:
    assert read_body(f"## Identity\n\nYou.\n\n{label}a, b").vocabulary == ("a", "b")


def test_instructions_are_kept_apart_by_mode(body: Body) -> None:
    assert body.always == ("Always-rule one goes on here", "Always-rule two")
    assert body.modes == {
        "generative": ("Generative-rule",),
        "critical": ("Critical-rule",),
        "evaluative": ("Evaluative-rule",),
        "informative": ("Informative-rule",),
    }
    assert body.never == ("Never-rule",)


def test_modes_one_heading_deeper_are_modes_too() -> None:
    text = (
        "## Instructions\n### P0: Inviolable Constraints\n1. Never guess\n"
        "### Mode-Specific Instructions\n#### When Generative\n4. Propose\n"
        "#### When Critical\n4. Attack\n"
    )

    body = read_body(text)

    assert body.always == ("Never guess",)
    assert body.modes == {"generative": ("Propose",), "critical": ("Attack",)}


def test_a_section_that_stands_twice_is_read_twice() -> None:
    text = (
        "## Knowledge Sources\n- https://a.example/\n## Never\n- x\n"
        "## Knowledge Sources\n- https://b.example/\n## Never\n- y\n"
    )

    body = read_body(text)

    assert body.references == ("https://a.example/", "https://b.example/")
    assert body.never == ("x", "y")


def test_prohibitions_and_specialisations_of_the_longest_files_are_found() -> None:
    text = "## Absolute Prohibitions\n- x\n## Deep Specializations\n### One\n- a\n### Two\n- b\n"

    body = read_body(text)

    assert body.never == ("x",)
    assert body.specialisations == {"One": ("a",), "Two": ("b",)}


def test_addresses_lose_the_marks_round_them(body: Body) -> None:
    assert body.references == (
        "https://docs.pytest.org/en/stable/",
        "https://hypothesis.works/articles",
    )


def test_servers_described_in_the_body_are_read_and_broken_examples_are_not(body: Body) -> None:
    broken = "## Knowledge Sources\n```yaml\na: &x 1\n```\n```yaml\nb: 1\n```\n"

    assert body.mcp_servers == {"github": {"description": "Issues"}}
    assert read_body(broken).mcp_servers == {}


def test_output_is_kept_by_mode_without_its_fence(body: Body) -> None:
    assert body.envelope == "**Result**: {verdict}\n**Confidence**: high | medium | low"
    assert body.output == {
        "audit": "## Findings\n\n### [CRITICAL] {Audit-template}",
        "solution": "## Implementation\n{Solution-template}",
    }


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("```", "```python"), ("````", "```"), ("````", "```python"), ("~~~", "```"), ("```", "~~~")],
)
def test_headings_of_a_template_with_fences_inside_are_text(outer: str, inner: str) -> None:
    close = inner[:3]
    template = f"## Never\n- example\n{inner}\n## Identity\ncode\n{close}\n### For Solution Mode\nx"
    text = (
        "## Identity\n\nYou.\n\n## Output Format\n\n### For Audit Mode\n\n"
        f"{outer}\n{template}\n{outer}\n\n### For Solution Mode\n\n{outer}\nSolve\n{outer}\n\n"
        "## Never\n- real\n"
    )

    body = read_body(text)

    assert body.output == {"audit": template, "solution": "Solve"}
    assert body.identity == "You."
    assert body.never == ("real",)


def test_a_file_without_a_body_has_no_parts() -> None:
    assert read_body("") == Body()


def test_a_body_of_prose_says_who_the_agent_is() -> None:
    prose = "You review code.\n\n## Checklist\n\n- Names\n\n```\n## Never\n```"

    assert read_body(f"# Reviewer\n\n{prose}\n").identity == prose
    assert read_body("# Only a title").identity == "# Only a title"
