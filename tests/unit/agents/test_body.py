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


def test_a_label_that_stands_twice_is_read_twice() -> None:
    text = (
        "## Identity\n\n**Vocabulary**: a, b\n\n**Domain Boundaries**: You own x.\n\n"
        "**Vocabulary Calibration**:\n- c\n- d\n\n**Domain Boundaries (more)**: And y.\n"
    )

    body = read_body(text)

    assert body.vocabulary == ("a", "b", "c", "d")
    assert body.boundaries == "You own x.\nAnd y."


def test_headings_are_known_in_either_case() -> None:
    body = read_body("## identity\nYou.\n## INSTRUCTIONS\n1. One\n## NEVER\n- x\n")

    assert (body.identity, body.always, body.never) == ("You.", ("One",), ("x",))


def test_prose_about_sources_is_kept_beside_their_addresses() -> None:
    text = (
        "## Identity\nYou.\n## Knowledge Sources\nTrust the newest edition.\n\n"
        "**References**: the standards\n- https://a.example/ — the first\n- the yellow book\n"
        "**Local**:\n- notes.md\n\n```yaml\nmcp_servers: {x: {}}\n```\n"
    )

    body = read_body(text)

    assert body.knowledge == ("Trust the newest edition.", "the standards", "the yellow book")
    assert (body.references, body.local_sources) == (("https://a.example/",), ("notes.md",))


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


LONGEST = """\
# Keeper

Some prose above the first section.

## Identity

You keep.
**Vocabulary Calibration**: one, two
three, four
**Domain Boundaries**: You own gates. You defer to `first-one` for x, and to second-one for y,
and defer to the human for the rest.

## Instructions

### P0: Inviolable Constraints
1. Stop
   on red
   - even amber
### P1: Core Mission
2. Weigh

   ```
   ## Never
   ```
### Mode-Specific Instructions
#### When Critical (Primary Mode)
16. Attack
#### When Gating (Gatekeeper Mode)
16. Close

Prose between the lists counts too.

## Knowledge Sources

### Local Knowledge

- docs/a.md
- docs/b.md

### Authoritative References

- https://a.example/x).

## Signals

Red, amber.

## Output Standards

### Structure by Cognitive Mode

#### Critical
Attack-form

#### Generative
Propose-form

### For Gate Review Mode

```
[BLOCKING] x
## Verdict
```

## Verdict
more
"""


def test_the_longest_form_is_read_whole() -> None:
    body = read_body(LONGEST)

    assert body.identity == "Some prose above the first section.\n\nYou keep."
    assert body.vocabulary == ("one", "two three", "four")
    assert body.defers_to == ("first-one", "second-one")
    assert [(i.block, i.mode, i.number, i.line) for i in body.instructions] == [
        ("P0: Inviolable Constraints", None, 1, 16),
        ("P1: Core Mission", None, 2, 20),
        ("When Critical (Primary Mode)", "critical", 16, 27),
        ("When Gating (Gatekeeper Mode)", "gating", 16, 29),
        ("When Gating (Gatekeeper Mode)", "gating", None, 31),
    ]
    assert body.always == ("Stop on red\n  - even amber", "Weigh\n   ```\n   ## Never\n   ```")
    assert body.never == ()
    assert body.local_sources == ("docs/a.md", "docs/b.md")
    assert body.references == ("https://a.example/x",)
    assert body.further == {"Signals": "Red, amber."}
    assert (body.output["critical"], body.output["generative"]) == ("Attack-form", "Propose-form")
    assert body.output["gate"].startswith("```\n[BLOCKING] x")
    assert body.output["gate"].endswith("## Verdict\nmore")
    assert body.severities == ("BLOCKING",)


def test_an_output_without_headings_is_for_every_mode() -> None:
    body = read_body("## Identity\nYou.\n## Output Format\n```\n# {Title}\n```\n")

    assert body.output == {"*": "# {Title}"}


def test_a_fence_that_is_never_closed_ends_at_the_next_shared_heading() -> None:
    body = read_body("## Identity\nYou.\n```\ncode\n## Never\n- x\n")

    assert body.never == ("x",)
    assert body.identity == "You.\n```\ncode"


def test_no_word_of_a_body_is_lost() -> None:
    told = (row for row in LONGEST.split("\n") if not row.startswith("#"))
    words = set(" ".join(told).replace("`", " ").split())
    body = read_body(LONGEST)

    kept = " ".join(
        [
            *(body.identity, body.boundaries, *body.vocabulary, *body.never, *body.references),
            *(f"{i.block} {i.text}" for i in body.instructions),
            *(f"{name} {text}" for name, text in {**body.further, **body.output}.items()),
            *body.local_sources,
        ]
    )

    unmarked = {word.strip("#-*:.,)") for word in words} - {str(n) for n in (1, 2, 16)}
    labels = {"Vocabulary", "Calibration", "Domain", "Boundaries"}
    assert {word for word in unmarked if word and word not in kept} == labels
