"""What must hold after a run: each kind held, and each kind missed with what was seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ensemble.journal.record import Event
from ensemble.scenarios.expectations import check_expectations
from ensemble.scenarios.spec import Expect

GATES = [
    {"name": "leak", "passed": False},
    {"name": "balance", "passed": True},
    {"name": "noise", "passed": None},
]
RESULT: dict[str, Any] = {
    "authority": "advisory",
    "decision": {"position": "reject", "result": "It is Duplicated.", "dispositions": []},
    "turns": [
        {"key": f"{seat}#0"}
        for seat in ("panel[0]/panel_member", "panel[1]/panel_member", "chair/decision_maker")
    ],
    "evidence": [{"id": "L1", "name": "data", "gates": GATES}],
    "findings": [
        {"id": "F1", "severity": "CRITICAL", "location": "train.py:2", "by": "auditor"},
        {"id": "F2", "severity": "LOW", "location": "nowhere.py:1", "by": "auditor"},
        {"id": "G1", "severity": "CRITICAL", "location": "data.npz", "by": "lab"},
    ],
    "usage": {"usd": 0.2, "input_tokens": 900, "output_tokens": 100, "model_calls": 3},
}
EVENTS = [
    Event("lab_submitted", "lab#0/a", 0, 0.0, {"tool": "train", "request": {"epochs": 3}}),
    Event("tool_called", "t", 1, 0.0, {"tool": "Read", "request": {"path": "train.py"}}),
    Event("model_asked", "m", 2, 0.0, {"request": {}}),
]


@pytest.mark.parametrize(
    ("expect", "saw"),
    [
        ({"authority": ["advisory", "decided"]}, None),
        ({"authority": ["decided"]}, "authority advisory"),
        ({"position": "reject"}, None),
        ({"position": "promote"}, "position reject"),
        ({"turns": {"order": ["panel", "chair"]}}, None),
        ({"turns": {"order": ["chair", "panel"]}}, "the turns went panel, chair"),
        ({"turns": {"match": "unordered", "order": ["chair", "panel"]}}, None),
        ({"turns": {"match": "unordered", "order": ["chair"]}}, "the turns went panel, chair"),
        ({"turns": {"match": "subset", "order": ["chair", "panel", "auditor"]}}, None),
        ({"turns": {"match": "subset", "order": ["chair"]}}, "the turns went panel, chair"),
        ({"turns": {"match": "superset", "order": ["chair"]}}, None),
        ({"turns": {"match": "superset", "order": ["judge"]}}, "the turns went panel, chair"),
        ({"evidence": [{"id": "data", "gate": "leak", "passed": False}]}, None),
        ({"evidence": [{"id": "L1", "gate": "noise", "passed": None}]}, None),
        ({"evidence": [{"id": "L1", "gate": "noise", "passed": True}]}, "passed: null"),
        ({"evidence": [{"id": "data", "gate": "leak", "passed": True}]}, "passed: false"),
        (
            {"evidence": [{"id": "data", "gate": "lek", "passed": True}]},
            "data has the gates leak, balance, noise",
        ),
        (
            {"evidence": [{"id": "fit", "gate": "leak", "passed": True}]},
            "there is no evidence 'fit'",
        ),
        ({"tool_calls": {"of": [{"tool": "train"}]}}, None),
        ({"tool_calls": {"of": [{"tool": "evaluate"}]}}, "never called: evaluate"),
        ({"tool_calls": {"match": "subset", "of": [{"tool": "train"}]}}, "also called: Read"),
        ({"tool_calls": {"match": "unordered", "of": [{"tool": "train"}, {"tool": "Read"}]}}, None),
        ({"never": [{"tool": "Write"}]}, None),
        ({"never": [{"tool": "Read"}]}, 'called 1 times: {"path": "train.py"}'),
        ({"never": [{"tool": "Read", "args_contain": "secret"}]}, None),
        ({"findings": {"min": 2, "severity_at_least": "CRITICAL"}}, None),
        ({"findings": {"min": 3, "severity_at_least": "WARNING"}}, "2 findings of WARNING and up"),
        (
            {"findings": {"severity_at_least": "CRITICAL", "location_exists": True}},
            None,
        ),
        (
            {"findings": {"severity_at_least": "INFO", "location_exists": True}},
            "locations that do not exist: F2",
        ),
        ({"output": [{"contains": "duplicated"}]}, None),
        ({"output": [{"contains": "seed"}]}, "it stands nowhere in the decision"),
        ({"usage": {"usd_max": 0.2, "tokens_max": 1000, "model_calls_max": 3}}, None),
        ({"usage": {"usd_max": 0.1, "model_calls_max": 2}}, "usd 0.2, model_calls 3"),
    ],
)
def test_an_expectation_holds_or_says_what_it_saw(
    tmp_path: Path, expect: Mapping[str, Any], saw: str | None
) -> None:
    (tmp_path / "train.py").write_text("one\ntwo\n")

    (only,) = check_expectations(Expect.model_validate(expect), RESULT, EVENTS, tmp_path)

    assert (only["held"], only["saw"]) == (saw is None, saw or "as expected")
    assert only["name"]


@pytest.mark.parametrize(
    ("location", "exists"),
    [
        ("train.py", True),
        ("`train.py:1`", True),
        ("train.py:1-2", True),
        ("train.py:2:7", True),
        ("train.py:3", False),
        ("train.py:0", False),
        ("../outside.py:1", False),
        ("", False),
        (":4", False),
    ],
)
def test_a_location_is_a_line_that_a_file_of_the_workspace_has(
    tmp_path: Path,
    location: str,
    exists: bool,  # noqa: FBT001 - a column of the table
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "train.py").write_text("one\ntwo\n")
    (tmp_path / "outside.py").write_text("one\n")
    finding = {"id": "F1", "severity": "HIGH", "location": location, "by": "auditor"}
    expect = Expect.model_validate({"findings": {"min": 1, "location_exists": True}})

    (only,) = check_expectations(expect, {**RESULT, "findings": [finding]}, EVENTS, workspace)

    assert only["held"] is exists


def test_a_run_without_a_decision_took_no_position(tmp_path: Path) -> None:
    expect = Expect(position="reject")

    (only,) = check_expectations(expect, {**RESULT, "decision": None}, EVENTS, tmp_path)

    assert only["saw"] == "position None"


def test_nothing_expected_is_nothing_checked(tmp_path: Path) -> None:
    assert check_expectations(Expect(), RESULT, EVENTS, tmp_path) == []
