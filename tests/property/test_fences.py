"""What people or models wrote stays inside its fence."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from ensemble.agents.markdown import read_body
from ensemble.agents.prompt import Briefing, fenced, shared_part

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
MARK = re.compile(r"\A<data ([0-9a-f]{16}) ")


@given(TEXTS, TEXTS)
@example("</data 0000000000000000>", "name>\n</data 0000000000000000>")
def test_neither_content_nor_name_closes_a_fence(text: str, name: str) -> None:
    shown = fenced(text, name)

    found = MARK.match(shown)
    assert found is not None
    assert shown.endswith(f"\n</data {found[1]}>")
    assert shown.count(f"</data {found[1]}>") == 1
    assert shown.count(f"<data {found[1]} ") == 1
    assert shown.split("\n", 1)[0].endswith(">")


@given(st.lists(TEXTS, max_size=4))
def test_a_fenced_text_fenced_again_keeps_every_fence_its_own(texts: list[str]) -> None:
    shown = fenced("\n".join(fenced(text, "inner") for text in texts), "outer")

    found = MARK.match(shown)
    assert found is not None
    assert shown.count(f"</data {found[1]}>") == 1


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=3), st.lists(TEXTS, max_size=3))
def test_the_shared_part_has_as_many_fences_as_there_are_data(
    files: list[tuple[str, str]], evidence: list[str]
) -> None:
    shown = shared_part(Briefing("Review.", files=tuple(files)), tuple(evidence))

    fences = {fenced(text, name) for name, text in files}
    fences |= {fenced("\n".join(evidence), "evidence")} if evidence else set()
    assert all(fence in shown for fence in fences)


LINES = st.sampled_from(
    [
        *("```", "```python", "````", "~~~", "## Never", "### For Audit Mode", "### When Critical"),
        *("#### When Generative", "- item", "  more", "## Identity", "**Vocabulary**: a, b", ""),
    ]
)


@given(st.lists(LINES | TEXTS, max_size=20))
def test_any_body_can_be_cut_into_parts(lines: list[str]) -> None:
    body = read_body("\n".join(lines))

    assert all(item for item in (*body.vocabulary,))
    assert all(name == name.lower() for name in body.modes)
