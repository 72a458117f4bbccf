"""Whatever a model sends, a reply is read or `Unparsed`, and can be written to a file."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ensemble.answers.answer import Answer, Unparsed, Wanted
from ensemble.answers.parse import parse_answer
from ensemble.canonical import canonical

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=60)
PIECES = st.sampled_from(
    [
        *("**Result**: ", "**Confidence**: ", "**Position**: ", "**Claims**:", "**Dispositions**:"),
        *("**Uncertainty Factors**: ", "**Verification:** ", "high", "0.7", "85%", "1%", "promote"),
        *("### [HIGH] ", "### [] ", "- **Issue**: ", "- F1: accepted", "- x [L1/gate: failed]"),
        *("```", "```json", "````", "~~~", "{", "}", '{"action": {}}', '{"result": "a"'),
        *(
            '"confidence": ',
            "NaN",
            "1e999",
            '"\\ud800"',
            "null",
            "[",
            "]",
            ":",
            ",",
            "\n",
            " ",
            "#",
        ),
    ]
)
REPLIES = st.lists(PIECES | ANY_TEXT, max_size=25).map("".join)
WANTED = st.builds(
    Wanted,
    choices=st.sampled_from([(), ("promote", "reject"), ("C", "C++"), ("-", "")]),
    findings=st.booleans(),
    dispositions=st.sampled_from([(), ("F1", "F2")]),
    claims=st.booleans(),
    tools=st.sampled_from([(), ("train",)]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from([
        *("result", "confidence", "probability", "uncertainty", "verification", "position"),
        *("body", "findings", "dispositions", "claims", "action"),
    ]),
    JSON
    | st.sampled_from(["high", "0.5", ["x"], {"F1": "accepted"}, {"F1": {"state": "rejected"}}])
    | st.just([{"severity": "HIGH", "title": "t"}])
    | st.just({"tool": "train"}),
)  # fmt: skip


def read(text: str, wanted: Wanted) -> Answer | None:
    with suppress(Unparsed):
        return parse_answer(text, wanted)
    return None


@given(REPLIES, WANTED)
@example("**Result**: a\n**Confidence**: 1%", Wanted())
@example('{"action": {"spec": "\\ud800"}}', Wanted())
@example('{"result": "a", "confidence": 1e999}', Wanted())
def test_any_text_is_an_answer_or_unparsed(text: str, wanted: Wanted) -> None:
    answer = read(text, wanted)

    if answer is not None:
        canonical(answer.model_dump(mode="json"))
        asks = answer.action is not None
        assert asks or answer.result.strip()
        assert asks or not wanted.choices or answer.position in wanted.choices


@given(FIELDS, WANTED)
def test_any_json_is_an_answer_or_unparsed(fields: dict[str, Any], wanted: Wanted) -> None:
    answer = read(json.dumps(fields), wanted)

    if answer is not None:
        canonical(answer.model_dump(mode="json"))
        assert answer.probability is None or 0 <= answer.probability <= 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=20))
def test_a_result_survives_either_form(result: str) -> None:
    in_json = read(json.dumps({"result": result, "confidence": "low"}), Wanted())
    in_markdown = read(f"**Result**: x{result}\n**Confidence**: low", Wanted())

    assert in_json is not None
    assert in_json.result == result
    assert in_markdown is not None
    assert in_markdown.result == f"x{result}"
