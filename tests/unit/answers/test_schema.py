"""The schema that holds a provider to the envelope: all of it bounded, and readable back."""

from collections.abc import Iterator
from itertools import product
from typing import Any, cast

import pytest

from ensemble.answers.answer import Wanted
from ensemble.answers.parse import parse_answer
from ensemble.answers.schema import answer_schema
from ensemble.canonical import canonical

EVERYTHING = Wanted(
    choices=("promote", "reject"),
    findings=True,
    dispositions=("F1", "F2"),
    claims=True,
    tools=("train", "check_data"),
)
WANTED = [
    Wanted(
        choices=("promote", "reject") if choices else (),
        findings=findings,
        dispositions=("F1",) if dispositions else (),
        claims=claims,
        tools=("train",) if tools else (),
        escalates=(("T1", "It may lose data."),) if escalates else (),
    )
    for choices, findings, dispositions, claims, tools, escalates in product(
        (False, True), repeat=6
    )
]


def parts(schema: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every subschema with its path."""
    if isinstance(schema, dict):
        given = cast("dict[str, Any]", schema)
        yield path, given
        for name, inner in given.get("properties", {}).items():
            yield from parts(inner, f"{path}.{name}")
        yield from parts(given.get("items"), f"{path}[]")
        for number, inner in enumerate(given.get("anyOf", [])):
            yield from parts(inner, f"{path}|{number}")


def unbounded(schema: Any) -> list[str]:
    """Name the texts and lists that may go on for ever."""
    found: list[str] = []
    for path, part in parts(schema):
        kinds = part.get("type", [])
        text = "string" in ([kinds] if isinstance(kinds, str) else kinds)
        if text and "maxLength" not in part and "enum" not in part:
            found.append(path)
        if kinds == "array" and "maxItems" not in part:
            found.append(path)
    return found


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("wanted", WANTED)
def test_every_text_and_list_is_bounded(wanted: Wanted, *, brief: bool) -> None:
    assert unbounded(answer_schema(wanted, brief=brief)) == []


def test_a_text_without_a_bound_is_found() -> None:
    schema = answer_schema(EVERYTHING, brief=False)
    finding = schema["anyOf"][0]["properties"]["findings"]
    del finding["items"]["properties"]["title"]["maxLength"]
    del finding["maxItems"]

    assert unbounded(schema) == ["$|0.findings", "$|0.findings[].title"]


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("wanted", WANTED)
def test_every_object_is_closed_and_every_field_asked_for(wanted: Wanted, *, brief: bool) -> None:
    for path, part in parts(answer_schema(wanted, brief=brief)):
        if part.get("type") == "object" and not path.endswith(".spec"):
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("wanted", WANTED)
def test_what_fits_the_schema_reads_back(wanted: Wanted, *, brief: bool) -> None:
    schema = answer_schema(wanted, brief=brief)
    schema = schema.get("anyOf", [schema])[0]

    answer = parse_answer(canonical(smallest(schema)).decode(), wanted)

    assert answer.position == (wanted.choices[0] if wanted.choices else answer.position)
    assert [d.finding for d in answer.dispositions] == list(wanted.dispositions)


def smallest(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: smallest(inner) for name, inner in schema.get("properties", {}).items()}
        case ["number", "null"]:
            return None
        case "array":
            return [smallest(schema["items"])]
        case "boolean":
            return False
        case _:
            return "x"


def test_a_very_small_model_is_asked_for_less() -> None:
    whole, brief = (answer_schema(EVERYTHING, brief=brief) for brief in (False, True))

    assert "anyOf" in whole
    assert list(brief["properties"]) == [
        "uncertainty",
        "verification",
        "dispositions",
        "result",
        "confidence",
        "position",
    ]
    assert brief["properties"]["dispositions"]["properties"]["F1"]["enum"] == [
        "accepted",
        "fixed",
        "rejected",
        "deferred",
    ]
    assert brief["properties"]["result"]["maxLength"] < 100


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("wanted", WANTED)
def test_the_verdict_comes_after_its_reasons(wanted: Wanted, *, brief: bool) -> None:
    schema = answer_schema(wanted, brief=brief)

    fields = list(schema.get("anyOf", [schema])[0]["properties"])

    verdict = fields.index("result")
    assert set(fields[verdict:]) <= {"result", "confidence", "position"}
    assert {"uncertainty", "verification"} <= set(fields[:verdict])


def test_every_finding_needs_its_own_disposition() -> None:
    schema = answer_schema(Wanted(dispositions=("F1", "F2")), brief=False)

    assert schema["properties"]["dispositions"]["required"] == ["F1", "F2"]
