"""Lines that are whole and chained, and make no sense all the same."""

import hashlib
from pathlib import Path
from typing import Any, get_args

import pytest

from ensemble.canonical import canonical
from ensemble.errors import InvalidFile
from ensemble.journal import shape
from ensemble.journal.file import EVENTS, JournalFile, read_events
from ensemble.models.provider import Failure

FINE: dict[str, Any] = {"event": "drawn", "key": "k", "seq": 0, "at": 1.5, "run": "r-1"}
FAILED = {**FINE, "event": "model_failed"}


def chained(folder: Path, *lines: dict[str, Any]) -> Path:
    folder.mkdir()
    told, written = "", b""
    for line in lines:
        told = hashlib.sha256(told.encode() + canonical(line)).hexdigest()
        written += canonical({**line, "sum": told}) + b"\n"
    (folder / EVENTS).write_bytes(written)
    return folder


def without(name: str) -> dict[str, Any]:
    return {key: item for key, item in FINE.items() if key != name}


@pytest.mark.parametrize(
    ("line", "field"),
    [
        *((without(name), name) for name in FINE),
        ({**FINE, "seq": "first"}, "seq"),
        ({**FINE, "seq": -1}, "seq"),
        ({**FINE, "seq": 1.5}, "seq"),
        ({**FINE, "at": "noon"}, "at"),
        ({**FINE, "at": 10**400}, "at"),
        ({**FINE, "key": None}, "key"),
        ({**FINE, "event": ["drawn"]}, "event"),
        ({**FINE, "run": 5}, "run"),
        ({**FINE, "attempt": "x"}, "attempt"),
        ({**FINE, "attempt": None}, "attempt"),
        ({**FINE, "attempt": "1.2.3"}, "attempt"),
        ({**FINE, "attempt": 10**9}, "attempt"),
        ({**FINE, "seconds": "long"}, "seconds"),
        ({**FINE, "usage": [1]}, "usage"),
        ({**FINE, "usage": {"input_tokens": "many"}}, "usage"),
        ({**FINE, "request": "what"}, "request"),
        ({**FINE, "value": {"blob": 5}}, "5"),
        ({**FINE, "value": {"blob": "../lock"}}, "../lock"),
        ({**FAILED, "class": "bored"}, "class"),
        ({**FINE, "event": "resolved"}, "value"),
        ({**FINE, "event": "resolved", "value": {}}, "value"),
        ({**FINE, "event": "run_started", "value": [1]}, "value"),
        ({**FINE, "event": "run_ended", "value": "well"}, "value"),
    ],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: dict[str, Any], field: str) -> None:
    folder = chained(tmp_path / "r-1", FINE, line)

    with pytest.raises(InvalidFile, match="no event") as raised:
        read_events(folder)

    assert raised.value.where == f"{folder / EVENTS}:2:1"
    assert field in raised.value.problem


def test_a_run_with_such_a_line_is_not_owned(tmp_path: Path) -> None:
    folder = chained(tmp_path / "r-1", without("key"))

    for _ in range(2):  # a lock that is kept would be `NotOwner`
        with pytest.raises(InvalidFile, match="no event"):
            JournalFile.reopen(folder)


def test_lines_that_make_sense_are_read(tmp_path: Path) -> None:
    lines = [
        FINE,
        {**FINE, "at": 1, "attempt": "2.1", "seconds": 3, "usage": {"input_tokens": None}},
        {**FINE, "attempt": 2, "anything": [{"else": True}]},
        *({**FAILED, "class": kind.value} for kind in Failure),
    ]

    events = read_events(chained(tmp_path / "r-1", *lines)).events

    assert len(events) == len(lines)
    assert [event.attempt for event in events[:3]] == ["1", "2.1", "2"]


def test_the_classes_of_failure_are_those_of_the_models() -> None:
    field = shape._Failed.model_fields["kind"].annotation  # pyright: ignore[reportPrivateUsage] -- the only other list of them

    told = {name for part in get_args(field) for name in get_args(part)}

    assert told == {kind.value for kind in Failure}
