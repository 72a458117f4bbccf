"""A reply of either kind read into an answer, or refused with what is wrong with it."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from ensemble.answers.answer import Unparsed, Wanted
from ensemble.answers.parse import MAX_BYTES, MAX_LEVELS, parse_answer, repair_request
from ensemble.canonical import canonical

CHOICES = Wanted(choices=("promote", "request-changes", "reject"))
MARKDOWN = "**Result**: sound\n**Confidence**: low\n**Position**: {}\n"
FIELDS: dict[str, Any] = {
    "result": "sound",
    "confidence": "high",
    "uncertainty": ["one seed"],
    "verification": "run it",
}


def in_json(**fields: Any) -> str:
    return json.dumps({**FIELDS, **fields})


def test_a_json_reply_is_read_with_all_its_parts() -> None:
    text = in_json(
        position="promote",
        findings=[{"severity": "blocking", "title": "t", "location": "a.py:1"}],
        claims=[{"text": "exact", "evidence": "L1/gate", "holds": False}],
        dispositions={"F1": {"state": "accepted", "reason": "yes"}, "F2": "rejected"},
        body="more",
        unknown=1,
    )

    answer = parse_answer(text, CHOICES)

    assert answer.position == "promote"
    assert (answer.findings[0].severity, answer.findings[0].location) == ("CRITICAL", "a.py:1")
    assert (answer.claims[0].evidence, answer.claims[0].holds) == ("L1/gate", False)
    assert [(d.finding, d.state, d.reason) for d in answer.dispositions] == [
        ("F1", "accepted", "yes"),
        ("F2", "rejected", ""),
    ]
    assert (answer.uncertainty, answer.verification, answer.body) == (
        ("one seed",),
        "run it",
        "more",
    )


@pytest.mark.parametrize(
    ("given", "level", "probability"),
    [("High", "high", None), (0.9, "high", 0.9), ("60%", "medium", 0.6), (1, "high", 1.0)],
)
def test_confidence_in_json_may_be_a_number_too(
    given: Any, level: str, probability: float | None
) -> None:
    answer = parse_answer(in_json(confidence=given), Wanted())

    assert (answer.confidence, answer.probability) == (level, probability)


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Here it is:\n\n```\n{}\n```\nDone."])
def test_a_whole_reply_may_stand_in_a_fence(around: str) -> None:
    answers = [
        parse_answer(around.replace("{}", reply), CHOICES)
        for reply in (in_json(position="promote"), MARKDOWN.format("promote"))
    ]

    assert [answer.position for answer in answers] == ["promote", "promote"]
    assert [answer.confidence for answer in answers] == ["high", "low"]


@pytest.mark.parametrize("language", ["markdown", "md", ""])
def test_a_reply_wrapped_in_a_fence_may_hold_fences(language: str) -> None:
    inner = f"{MARKDOWN.format('reject')}## Code\n```python\nx = 1\n```\n### [HIGH] Leak\n"

    answer = parse_answer(f"```{language}\n{inner}```", CHOICES)

    assert answer.position == "reject"
    assert [finding.title for finding in answer.findings] == ["Leak"]


@pytest.mark.parametrize(
    "text",
    [
        '{"action": {"tool": "train", "spec": {"seed": 7}}}',
        '```json\n{"action": {"tool": "train", "spec": {"seed": 7}}}\n```',
        'I measure first.\n\n```\n{"action": {"tool": "train", "spec": {"seed": 7}}}\n```\n',
        '```json\n{\n  "action": {\n    "tool": "train",\n    "spec": {"seed": 7}\n  }\n}\n```',
        '```python\nx = 1\n```\n```json\n{"action": {"tool": "train", "spec": {"seed": 7}}}\n```',
    ],
)
def test_an_action_is_asked_for_in_json(text: str) -> None:
    answer = parse_answer(text, CHOICES)

    assert answer.action == {"tool": "train", "spec": {"seed": 7}}


@pytest.mark.parametrize("block", ['{"action": "train"}', '{"seed": 7}', "{broken", "[1]", "x = 1"])
def test_other_json_in_a_fence_is_text(block: str) -> None:
    answer = parse_answer(f"{MARKDOWN.format('reject')}\n```json\n{block}\n```", CHOICES)

    assert answer.action is None
    assert answer.position == "reject"


@pytest.mark.parametrize(
    "written",
    [
        "request-changes",
        "Request Changes",
        "REQUEST_CHANGES",
        "request changes.",
        "`request-changes`",
        "**request-changes**",
        '"request-changes"',
        "\u201crequest-changes\u201d!",
        "[request-changes]",
        "request-changes — the split comes late",
        "request-changes (see F1)",
        "request-changes: split first",
        "request-changes, then promote",
        "request-changes\nbecause of F1",
    ],
)
def test_a_position_may_be_written_oddly(written: str) -> None:
    assert parse_answer(MARKDOWN.format(written), CHOICES).position == "request-changes"


@pytest.mark.parametrize(
    "written", ["promote with changes", "promote | reject", "promotee", "not reject", "", "-", "!"]
)
def test_a_position_that_is_none_of_the_choices_is_unparsed(written: str) -> None:
    with pytest.raises(Unparsed, match="promote, request-changes, reject"):
        parse_answer(MARKDOWN.format(written), CHOICES)


@pytest.mark.parametrize(
    ("choices", "written", "meant"),
    [
        (("Request changes", "ship it"), "request-changes", "Request changes"),
        (("C", "C++"), "C++", "C++"),
        (("C", "C++"), "c", "C"),
        (("yes", "no"), "YES", "yes"),
        (("größer", "kleiner"), "GRÖSSER", "größer"),
        (("a: b", "a: c"), "A: C", "a: c"),
    ],
)
def test_choices_may_be_any_words(choices: tuple[str, ...], written: str, meant: str) -> None:
    assert parse_answer(MARKDOWN.format(written), Wanted(choices=choices)).position == meant


def test_a_position_that_could_be_two_choices_is_none() -> None:
    with pytest.raises(Unparsed, match=r"'C#' is none of C, C\+\+"):
        parse_answer(MARKDOWN.format("C#"), Wanted(choices=("C", "C++")))


def test_a_position_is_free_where_there_are_no_choices() -> None:
    assert parse_answer(MARKDOWN.format(" Ship it. "), Wanted()).position == "Ship it."
    assert parse_answer("**Result**: a\n**Confidence**: low", Wanted()).position is None


def test_a_missing_position_is_said() -> None:
    with pytest.raises(Unparsed, match=r"no \*\*Position\*\*; choose one of promote"):
        parse_answer("**Result**: a\n**Confidence**: low", CHOICES)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"no \*\*Result\*\*"),
        ("I think it is fine.", r"no \*\*Result\*\*"),
        ("**Result**:\n**Confidence**: low", r"no \*\*Result\*\*"),
        (in_json()[:-9], "cut off or broken"),
        ("{" * 100_000, "cut off or broken"),
        ('{"a":' * 50_000, "cut off or broken"),
        ("{}", "result"),
        (in_json(result=None), "result"),
        (in_json(result="  "), r"no \*\*Result\*\*"),
        (in_json(confidence="sure"), "none of high, medium, low"),
        (in_json(confidence=None), "confidence"),
        (in_json(findings=[{"severity": "odd", "title": "t"}]), "findings.0.severity"),
        (in_json(findings=[{"severity": {}, "title": "t"}]), "findings.0.severity"),
        (in_json(dispositions={"F1": "maybe"}), "dispositions.0.state"),
        (in_json(dispositions={"F1": 3}), "dispositions.0.state"),
        (in_json(probability=7), "probability"),
        (in_json(claims="none"), "claims"),
        (in_json()[:-1] + ', "probability": NaN}', "cut off or broken"),
        ('{"action": {"tool": "train", "spec": {"lr": Infinity}}}', "cut off or broken"),
        ('{"action": {"tool": "train", "spec": {"lr": 1e999}}}', "cut off or broken"),
        ('{"action": ' + "[" * 40 + "]" * 40 + "}", "levels of nesting"),
        ('{"action": ' + '{"a":' * 40 + "1" + "}" * 40 + "}", "levels of nesting"),
    ],
)
def test_a_reply_that_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(Unparsed, match=problem):
        parse_answer(text, Wanted())


def test_an_action_may_be_nested_as_deep_as_the_limit() -> None:
    levels = MAX_LEVELS - 2
    text = '{"action": {"spec": ' + "[" * levels + "]" * levels + "}}"

    answer = parse_answer(text, Wanted())

    assert answer.action is not None


@pytest.mark.parametrize("text", ['"\\ud800"', '"\ud800"'])
def test_a_lone_surrogate_becomes_a_mark_that_a_file_can_hold(text: str) -> None:
    replies = [
        in_json()[:-1] + f', "body": {text}}}',
        f"**Result**: {text[1:-1]}\n**Confidence**: low",
        '{"action": {"tool": ' + text + "}}",
    ]

    for reply in replies:
        kept = parse_answer(reply, Wanted()).model_dump(mode="json")
        assert json.loads(canonical(kept)) == kept


@pytest.mark.parametrize(
    "piece",
    [
        *("- x [", "\n### [HIGH] a ", "- a" + " " * 50, "```\n{", "**", "\n- F1:", "\n```json"),
    ],
)
def test_a_reply_made_to_be_slow_is_read_in_time(piece: str) -> None:
    head = "**Result**: a\n**Confidence**: low\n**Dispositions**:\n**Claims**:\n"

    # Sixteen times the text: a square would take 256 times as long.
    assert best_of_three(head + piece * 4_000) < 100 * best_of_three(head + piece * 250)


@pytest.mark.parametrize(
    ("before", "run", "after"),
    [
        ("**Claims**:\n-", " ", "]"),
        ("```", " ", "`"),
        ("", "~", "`"),
        ("### [HIGH]", " ", "\n."),
        ("**Confidence**: 0.5", " ", "/10"),
        ("**Position**: promote", " ", "x"),
    ],
)
def test_a_run_made_to_be_slow_is_read_in_time(before: str, run: str, after: str) -> None:
    wanted = CHOICES if "Position" in before else Wanted()
    head = "**Result**: a\n" if "Confidence" in before else "**Result**: a\n**Confidence**: low\n"

    short, long = (
        best_of_three(f"{head}{before}{run * times}{after}", wanted) for times in (1_000, 16_000)
    )

    assert long < 100 * short


def test_fences_that_never_end_are_read_in_time() -> None:
    head = "**Result**: a\n**Confidence**: low\n"

    short, long = (
        best_of_three(head + "```a\n" * times + "````\n" * times) for times in (1_000, 16_000)
    )

    assert long < 100 * short


def best_of_three(text: str, wanted: Wanted | None = None) -> float:
    took: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        with suppress(Unparsed):
            parse_answer(text, wanted or Wanted())
        took.append(time.perf_counter() - started)
    return min(took)


@pytest.mark.parametrize("filler", ["x", "\N{GRINNING FACE}", "\ud800"])
def test_a_reply_larger_than_the_limit_is_unparsed(filler: str) -> None:
    size = len(filler.encode(errors="replace"))
    head = "**Result**: a\n**Confidence**: low\n"
    room = (MAX_BYTES - len(head)) // size

    assert parse_answer(head + filler * room, Wanted()).result == "a"
    with pytest.raises(Unparsed, match="more than the 262,144 that are read"):
        parse_answer(head + filler * (room + size), Wanted())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("L1", "L1"),
        ("data/leak", "data/leak"),
        ("L1/a-b.c", "L1/a-b.c"),
        ("L1\n  verified by L2", None),
        ("L1\n", None),
        ("L1/", None),
        ("1", None),
        ("", None),
        (None, None),
    ],
)
def test_a_claims_evidence_is_a_name_or_none(given: str | None, kept: str | None) -> None:
    (claim,) = parse_answer(in_json(claims=[{"text": "t", "evidence": given}]), Wanted()).claims

    assert claim.evidence == kept


def test_titles_and_locations_of_findings_are_one_line_each() -> None:
    raised = {
        "severity": "HIGH",
        "title": "a\n\nBINDING: b",
        "location": "c\r\n\u2028d",
        "issue": "e\nf",
    }

    (finding,) = parse_answer(in_json(findings=[raised]), Wanted()).findings

    assert (finding.title, finding.location) == ("a BINDING: b", "c d")
    assert finding.issue == "e\nf"


@pytest.mark.parametrize("reply", [MARKDOWN.format("{}"), in_json(position="{}")])
def test_a_free_position_is_one_line_of_at_most_200_characters(reply: str) -> None:
    answer = parse_answer(reply.replace("{}", "x " * 300), Wanted())
    told = parse_answer(in_json(position="ship\nBINDING: it\u2028now"), Wanted())

    assert answer.position == ("x " * 100).strip()
    assert told.position == "ship BINDING: it now"


def test_a_repair_request_says_what_was_wrong_and_what_is_wanted() -> None:
    asked = repair_request("there is no **Result**")

    assert "could not be read: there is no **Result**." in asked
    for label in ("Result", "Confidence", "Uncertainty Factors", "Verification"):
        assert f"**{label}**" in asked
