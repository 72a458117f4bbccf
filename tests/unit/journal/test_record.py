"""One event as one line: what is written is what is read, and nothing else is."""

import hashlib
import json
from typing import Any

import pytest

from ensemble.canonical import canonical
from ensemble.journal.record import BLOB_OVER_BYTES, Event, read_line, write_line


class Blobs(dict[str, bytes]):
    def keep(self, data: bytes) -> str:
        name = f"sha256:{len(self)}"
        self[name] = data
        return name

    def read(self, name: str) -> Any:
        return json.loads(self[name])


def an_event(**body: Any) -> Event:
    return Event("model_replied", "panel[0]/panel_member#0/model#0", 3, 1764.25, body)


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "",
        "é\u2028\u2029\x85 \x00\x1f",
        0,
        -1.5,
        1e-7,
        None,
        True,
        [],
        {},
        [[{"a": [None]}]],
    ],
)
def test_a_value_reads_back_as_it_was(value: Any) -> None:
    blobs = Blobs()

    line, told = write_line(an_event(value=value), "r-1", "", blobs.keep)
    read = read_line(line.rstrip(b"\n"), "", blobs.read)

    assert line.count(b"\n") == 1
    assert read == (an_event(value=value), told, "r-1")


def test_a_long_field_is_kept_as_a_blob_and_a_short_one_is_not() -> None:
    blobs = Blobs()
    short, long = "s" * (BLOB_OVER_BYTES - 2), "l" * (BLOB_OVER_BYTES - 1)

    line, _ = write_line(an_event(value=short, request=long), "r-1", "", blobs.keep)
    read = read_line(line, "", blobs.read)

    assert list(blobs.values()) == [f'"{long}"'.encode()]
    assert read is None  # a line is read without its newline
    read = read_line(line[:-1], "", blobs.read)
    assert read is not None
    assert read[0].body == {"value": short, "request": long}


def test_a_value_that_looks_like_the_name_of_a_blob_is_still_a_value() -> None:
    blobs = Blobs()
    value = {"blob": "../../outside"}

    line, _ = write_line(an_event(value=value), "r-1", "", blobs.keep)
    read = read_line(line[:-1], "", blobs.read)

    assert read is not None
    assert read[0].value == value


def test_a_line_does_not_follow_another_than_the_one_it_was_written_after() -> None:
    _, first = write_line(an_event(value=1), "r-1", "", str)
    line, _ = write_line(an_event(value=2), "r-1", first, str)

    assert read_line(line[:-1], first, json.loads) is not None
    assert read_line(line[:-1], "", json.loads) is None


def test_another_spelling_of_the_same_value_is_no_whole_line() -> None:
    line, _ = write_line(an_event(value="\x1f"), "r-1", "", str)
    respelt = line[:-1].replace(b"\\u001f", b"\\u001F")

    assert respelt != line[:-1]
    assert json.loads(respelt) == json.loads(line)
    assert read_line(respelt, "", json.loads) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"sum":"x"}',
        b'{"at":1e999,"sum":"x"}',
        b'{"at":NaN,"sum":"x"}',
        b'{"a":"\\ud800","sum":"x"}',
        b'{"a":"\xff","sum":"x"}',
        b"[" * 5000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
    ],
)
def test_what_is_no_line_of_a_journal_is_none(line: bytes) -> None:
    assert read_line(line, "", json.loads) is None


def test_an_attempt_is_the_first_unless_the_event_says_otherwise() -> None:
    assert an_event().attempt == "1"
    assert an_event(attempt="2.1").attempt == "2.1"


@pytest.mark.parametrize("body", [{}, {"value": 1}, {"a": [1]}, {"a": 1, "sum_of": 2, "z": {}}])
def test_a_line_is_the_canonical_form_of_the_event_with_its_sum(body: dict[str, Any]) -> None:
    event = an_event(**body)

    line, told = write_line(event, "r-1", "before", Blobs().keep)

    alone = canonical(event.document("r-1"))
    assert told == hashlib.sha256(b"before" + alone).hexdigest()
    assert line == canonical({**event.document("r-1"), "sum": told}) + b"\n"
