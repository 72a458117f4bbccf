"""Problems as SARIF, held against the schema of the standard."""

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final

import jsonschema
import pytest

from ensemble.checks.problem import Problem
from ensemble.checks.sarif import as_sarif

Check = Callable[..., list[Problem]]
SCHEMA: Final = Path(__file__).parents[2] / "fixtures" / "sarif" / "sarif-schema-2.1.0.json"


@pytest.fixture(scope="module")
def validate() -> Callable[[Any], None]:
    schema = json.loads(SCHEMA.read_text())
    validator: Any = jsonschema.Draft7Validator(schema)  # its stubs leave `validate` untyped
    return validator.validate


def test_problems_with_and_without_a_fix_are_valid_sarif(
    check: Check, tmp_path: Path, validate: Callable[[Any], None]
) -> None:
    problems = [*check("tier: expert", "teir: expert"), *check("threshold: 0.6", "threshold: six")]

    log = as_sarif(problems, version="0.1.0", root=PurePosixPath(tmp_path))

    validate(log)
    run = log["runs"][0]
    named = {result["ruleId"]: result for result in run["results"]}
    where = named["W101"]["locations"][0]["physicalLocation"]
    assert set(named) == {"W101", "E008", "W702"}
    assert where["artifactLocation"] == {"uri": "agents/tide-keeper.md"}
    assert where["region"] == {"startLine": 15, "startColumn": 1}
    assert [named[code]["level"] for code in ("E008", "W101", "W702")] == [
        "error",
        "warning",
        "note",
    ]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    replacement = named["W101"]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert replacement["insertedContent"] == {"text": "tier"}
    assert replacement["deletedRegion"] == {"startLine": 15, "startColumn": 1, "endColumn": 5}


def test_nothing_found_is_valid_sarif_too(tmp_path: Path, validate: Callable[[Any], None]) -> None:
    log = as_sarif([], version="0.1.0", root=tmp_path)

    validate(log)
    assert log["runs"][0]["results"] == []


def test_a_file_elsewhere_with_a_space_in_its_name_is_a_valid_address(
    tmp_path: Path, validate: Callable[[Any], None]
) -> None:
    problem = Problem("W103", "warning", "/far away/ü.md", 1, 1, "no description", "add one")

    log = as_sarif([problem], version="0.1.0", root=tmp_path)

    validate(log)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "file:///far%20away/%C3%BC.md"}


def test_the_schema_refuses_what_is_no_sarif(validate: Callable[[Any], None]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({"version": "2.1.0", "runs": [{"results": []}]})
