"""Problems as SARIF 2.1.0, the form in which code hosts and editors take them."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from ensemble.checks.problem import Problem
from ensemble.checks.rules import REFUSALS, RULES
from ensemble.graph.soundness import MEANINGS

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ABOUT: Final = {rule.code: rule.about for rule in RULES} | REFUSALS | MEANINGS
_NAMES: Final = {rule.code: rule.look.__name__ for rule in RULES}
_LEVELS: Final = {rule.code: rule.severity for rule in RULES}


def as_sarif(problems: Sequence[Problem], *, version: str, root: PurePath) -> dict[str, Any]:
    """Return one SARIF log of one run.

    Args:
        problems: what was found.
        version: of the program.
        root: files below it are named relative to it.
    """
    codes = sorted({problem.code for problem in problems})
    driver = {
        "name": "ensemble check",
        "semanticVersion": version,
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(problem, codes.index(problem.code), root) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    about = " ".join(_ABOUT.get(code, code).split())
    return {
        "id": code,
        "name": _NAMES.get(code, code),
        "shortDescription": {"text": about.partition(". ")[0].rstrip(".") + "."},
        "fullDescription": {"text": about},
        "defaultConfiguration": {"level": _LEVELS.get(code, "error")},
    }


def _result(problem: Problem, index: int, root: PurePath) -> dict[str, Any]:
    place = PurePath(problem.file)
    inside = place.is_relative_to(root)
    uri = quote(str(place.relative_to(root) if inside else place))
    if place.is_absolute() and not inside:
        uri = f"file://{uri}"
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity,
        "message": {"text": f"{problem.message}\nfix: {problem.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri},
                    "region": {"startLine": problem.line, "startColumn": problem.column},
                }
            }
        ],
    }
    if problem.edits:
        result["fixes"] = [_fix(problem, uri)]
    return result


def _fix(problem: Problem, uri: str) -> dict[str, Any]:
    replacements = [
        {
            "deletedRegion": {
                "startLine": edit.line,
                "startColumn": edit.column,
                "endColumn": edit.column + len(edit.old),
            },
            "insertedContent": {"text": edit.new},
        }
        for edit in problem.edits
    ]
    change = {"artifactLocation": {"uri": uri}, "replacements": replacements}
    return {"description": {"text": problem.fix}, "artifactChanges": [change]}
