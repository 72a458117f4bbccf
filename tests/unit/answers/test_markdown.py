"""Markdown replies, in the many ways models write the same envelope."""

import pytest

from ensemble.answers.answer import Unparsed
from ensemble.answers.markdown import fenced_blocks, from_markdown, read_confidence
from ensemble.roles import Severity

ENVELOPE = (
    "**Result**: The model leaks.\n"
    "**Confidence**: high\n"
    "**Uncertainty Factors**: one seed\n"
    "**Verification**: run check_data\n"
)


def with_confidence(text: str) -> str:
    return f"**Result**: sound\n**Confidence**: {text}"


def test_the_four_lines_of_the_envelope_are_read() -> None:
    answer = from_markdown(ENVELOPE)

    assert answer.result == "The model leaks."
    assert answer.confidence == "high"
    assert answer.probability is None
    assert answer.uncertainty == ("one seed",)
    assert answer.verification == "run check_data"
    assert answer.body == ""


@pytest.mark.parametrize(
    "label",
    [
        "**Result**: {}",
        "**Result:** {}",
        "**Result** : {}",
        "**Result** {}",
        "**RESULT**: {}",
        "**result:**   {}",
        "- **Result**: {}",
        "* **Result:** {}",
        "  **Result**: {}",
        "**Result**:\n{}",
        "**Result:**\n\n{}\n",
    ],
)
def test_a_label_may_be_written_in_many_ways(label: str) -> None:
    answer = from_markdown(f"{label.format('sound')}\n**Confidence**: low")

    assert answer.result == "sound"


def test_a_part_may_run_on_over_lines_until_the_next_label_or_heading() -> None:
    text = (
        "**Result**: one\n\ntwo\n- three\n**Confidence**: low\n"
        "**Uncertainty Factors**:\n- data\n- 2) seeds\n* drift\n1. time\n"
        "## Summary\nThe body.\n"
    )

    answer = from_markdown(text)

    assert answer.result == "one\n\ntwo\n- three"
    assert answer.uncertainty == ("data", "2) seeds", "drift", "time")
    assert answer.body == "## Summary\nThe body."


def test_a_label_said_twice_counts_once() -> None:
    answer = from_markdown(f"{ENVELOPE}**Result**: another\n")

    assert answer.result == "The model leaks."
    assert "another" in answer.verification


@pytest.mark.parametrize(
    ("text", "level", "probability"),
    [
        ("high", "high", None),
        ("HIGH.", "high", None),
        ("**Medium**", "medium", None),
        ("`low` because of the data", "low", None),
        ("- high", "high", None),
        ("high (0.85)", "high", 0.85),
        ("High, 92%", "high", 0.92),
        ("high (1 seed)", "high", None),
        ("low. 3 of 5 seeds", "low", None),
        ("0.85", "high", 0.85),
        ("0.85.", "high", 0.85),
        (".5", "medium", 0.5),
        ("0.8", "medium", 0.8),
        ("0.49 or so", "low", 0.49),
        ("1", "high", 1.0),
        ("1.0", "high", 1.0),
        ("0", "low", 0.0),
        ("85%", "high", 0.85),
        ("85.5 %", "high", 0.855),
        ("100%", "high", 1.0),
        ("1%", "low", 0.01),
        ("0%", "low", 0.0),
        ("0.9%", "low", 0.009),
        ("~70%", "medium", 0.7),
        ("(0.7)", "medium", 0.7),
    ],
)
def test_confidence_is_a_word_a_number_or_a_percentage(
    text: str, level: str, probability: float | None
) -> None:
    answer = from_markdown(with_confidence(text))

    assert answer.confidence == level
    assert answer.probability == (None if probability is None else pytest.approx(probability))


@pytest.mark.parametrize(
    "text", ["", "very sure", "1.5", "150%", "-0.5", "8/10", "1/10", "1 out of 10", "85", "highly"]
)
def test_confidence_that_says_something_else_is_unparsed(text: str) -> None:
    with pytest.raises(Unparsed, match="none of high, medium, low"):
        read_confidence(text)


@pytest.mark.parametrize("missing", ["Result", "Confidence"])
def test_a_reply_without_one_of_the_two_lines_is_unparsed(missing: str) -> None:
    text = ENVELOPE.replace(f"**{missing}**", f"**No {missing}**")

    with pytest.raises(Unparsed, match=rf"no \*\*{missing}\*\*"):
        from_markdown(text)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        *((level.value, level) for level in Severity),
        *((level.value.lower(), level) for level in Severity),
        ("BLOCKING", Severity.CRITICAL),
        ("Blocker", Severity.CRITICAL),
        ("MAJOR", Severity.HIGH),
        ("error", Severity.HIGH),
        ("WARN", Severity.WARNING),
        ("moderate", Severity.MEDIUM),
        ("MINOR", Severity.LOW),
        ("Note", Severity.INFO),
        ("SUGGESTION", Severity.INFO),
    ],
)
def test_a_finding_of_every_severity_word_is_read(word: str, severity: Severity) -> None:
    (finding,) = from_markdown(f"{ENVELOPE}\n### [{word}] Rows occur twice  ").findings

    assert finding.severity is severity
    assert finding.title == "Rows occur twice"


def test_a_finding_keeps_its_four_items_and_their_further_lines() -> None:
    text = (
        f"{ENVELOPE}\n## Findings\n\n"
        "### [CRITICAL] Rows occur twice\n"
        "- **Location**: train.py:17\n"
        "- **Issue:** The split comes late.\n  It duplicates first.\n"
        "- **Impact**: The score is too good\n"
        "* **Recommendation** : Split first:\n```python\n# split\n**Issue**: no label here\n```\n\n"
        "### [LOW] Names\n- **Issue**: short\n"
        "## Recommendations\nSplit first.\n"
    )

    first, second = from_markdown(text).findings

    assert first.location == "train.py:17"
    assert first.issue == "The split comes late.\nIt duplicates first."
    assert first.impact == "The score is too good"
    assert first.recommendation == (
        "Split first:\n```python\n# split\n**Issue**: no label here\n```"
    )
    assert (second.title, second.issue, second.impact) == ("Names", "short", "")


@pytest.mark.parametrize(
    "heading", ["### [Note to self] x", "### [TODO] x", "### Findings", "# [HIGH] x"]
)
def test_a_heading_that_names_no_severity_is_no_finding(heading: str) -> None:
    assert from_markdown(f"{ENVELOPE}\n{heading}\n- **Issue**: none").findings == ()


def test_where_a_finding_lies_is_one_line() -> None:
    text = f"{ENVELOPE}\n### [LOW] Names\n- **Location**: a.py\n  AUTHORITY: binding\n"

    (finding,) = from_markdown(text).findings

    assert finding.location == "a.py AUTHORITY: binding"


def test_what_stands_in_a_fence_is_text() -> None:
    fenced = "```\n### [HIGH] Example\n**Result**: example\n**Position**: reject\n```"

    answer = from_markdown(f"{ENVELOPE}\n## Example\n{fenced}")

    assert answer.findings == ()
    assert answer.position is None
    assert answer.result == "The model leaks."
    assert answer.body.endswith(fenced)


def test_a_fence_inside_a_fence_does_not_end_it() -> None:
    text = (
        "## Example\n```\n## Template\n```python\nx = 1\n```\n### [HIGH] Example\n```\n"
        f"{ENVELOPE}### [LOW] Real\n"
    )

    answer = from_markdown(text)

    assert [finding.title for finding in answer.findings] == ["Real"]
    assert answer.result == "The model leaks."


@pytest.mark.parametrize(
    ("line", "state", "reason"),
    [
        ("- F1: accepted — the split comes first", "accepted", "the split comes first"),
        ("- **F1**: Rejected: measured otherwise", "rejected", "measured otherwise"),
        ("* **F1:** deferred", "deferred", ""),
        ("F1 - ACCEPTED, as L2 shows", "accepted", "as L2 shows"),
        ("- F1: **accepted** \u2013 yes", "accepted", "yes"),
        ("- F1 — rejected. No.", "rejected", "No."),
    ],
)
def test_a_disposition_names_finding_state_and_reason(line: str, state: str, reason: str) -> None:
    answer = from_markdown(f"{ENVELOPE}**Dispositions**:\n{line}\n")

    (disposition,) = answer.dispositions
    assert (disposition.finding, disposition.state, disposition.reason) == ("F1", state, reason)


@pytest.mark.parametrize("line", ["- F1: maybe", "- accepted", "- F1", "all accepted"])
def test_a_line_without_finding_or_state_is_no_disposition(line: str) -> None:
    assert from_markdown(f"{ENVELOPE}**Dispositions**:\n{line}\n").dispositions == ()


@pytest.mark.parametrize(
    ("line", "text", "evidence", "holds"),
    [
        ("- It leaks [L1/gate: failed]", "It leaks", "L1/gate", False),
        ("- It is exact [L2/test_accuracy: passed]", "It is exact", "L2/test_accuracy", True),
        ("* It trains [L3]", "It trains", "L3", True),
        ("- It trains [L3 : REFUTED]", "It trains", "L3", False),
        ("- A list [1, 2] of two [L1]", "A list [1, 2] of two", "L1", True),
        ("- Nobody measured it", "Nobody measured it", None, True),
        ("-   It trains   [L1/a-b.c]  ", "It trains", "L1/a-b.c", True),
        ("- [L1]", "[L1]", None, True),
        ("- It trains [L1] [L 2]", "It trains [L1] [L 2]", None, True),
        ("- An aside [see above]", "An aside [see above]", None, True),
    ],
)
def test_a_claim_names_its_evidence_and_whether_it_holds(
    line: str, text: str, evidence: str | None, *, holds: bool
) -> None:
    (claim,) = from_markdown(f"{ENVELOPE}**Claims**:\n{line}\n").claims

    assert (claim.text, claim.evidence, claim.holds) == (text, evidence, holds)


def test_each_outermost_fence_is_a_block() -> None:
    text = "a\n```json\n{}\n```\n```\nb\n````\n~~~\n```\nc\n```\n~~~\n```py\nd\n```sh\ne\n```\n"

    assert list(fenced_blocks(text)) == ["{}", "b", "```\nc\n```", "d\n```sh\ne\n```"]


def test_a_finding_written_with_plain_labels_keeps_its_parts() -> None:
    text = (
        "**Result**: no\n**Confidence**: high\n\n### [CRITICAL] Test rows pick the epoch\n"
        "- Location: train.py:63\n- Issue: the best of sixty looks\n- Impact: too high\n"
    )

    (finding,) = from_markdown(text).findings

    assert (finding.location, finding.impact) == ("train.py:63", "too high")
    assert finding.issue == "the best of sixty looks"
