"""What docs/answers.md shows is read as it says."""

import re
from pathlib import Path
from typing import Final

import pytest

from ensemble.answers.answer import Answer, Wanted
from ensemble.answers.parse import parse_answer, parse_words
from ensemble.models.manual import file_name
from ensemble.roles import Severity

DOC: Final = (Path(__file__).parents[3] / "docs" / "answers.md").read_text()
FENCES: Final = re.findall(r"^```(\w*)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
WANTED: Final = Wanted(choices=("promote", "reject"), escalates=(("T1", "a leak"),))


def shown(language: str, begin: str) -> str:
    return next(text for name, text in FENCES if name == language and text.startswith(begin))


MARKDOWN: Final = shown("markdown", "**Result**")
CHECKS: Final = shown("json", '{"checks"')


def comparable(answer: Answer) -> Answer:
    return answer.model_copy(update={"body": ""})


def test_the_two_forms_say_the_same() -> None:
    written = parse_answer(MARKDOWN, WANTED)
    as_json = parse_answer(shown("json", '{\n  "body"'), WANTED)

    assert comparable(written) == comparable(as_json)
    assert (written.position, written.confidence, written.escalates) == ("reject", "high", ("T1",))
    assert [item.state for item in written.dispositions] == ["accepted", "rejected"]
    assert (written.claims[0].evidence, written.claims[0].holds) == ("L1/no_shared_rows", False)
    assert written.findings[0].recommendation == "Split by row before sampling."


def test_a_check_stands_in_a_fence_of_its_own() -> None:
    answer = parse_answer(f"{MARKDOWN}\n```json\n{CHECKS}```\n", WANTED)

    assert [(check.metric, check.at_least) for check in answer.checks] == [("val_accuracy", 0.95)]


def test_a_measurement_is_asked_for_by_itself() -> None:
    given = re.search(r'`({"action".*?})`', DOC)

    assert given is not None
    assert parse_answer(given.group(1), WANTED).action == {
        "tool": "train",
        "spec": {"dataset": "digits"},
    }


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_is_named(severity: Severity) -> None:
    assert f"`{severity.value}`" in DOC


def test_what_a_person_types_in_short_is_read() -> None:
    short = shown("", "ship: ").splitlines()

    answers = [parse_words(line, Wanted(choices=("ship", "hold"))) for line in short]

    assert [(answer.position, answer.result) for answer in answers] == [
        ("ship", "tried it on three machines"),
        ("hold", "the tests are red"),
    ]
    assert [item.state for item in answers[1].dispositions] == ["accepted", "rejected"]


def test_files_are_named_after_the_key() -> None:
    assert f"{file_name('panel[0]/panel_member#0/model#0')}.answer.md" in DOC
