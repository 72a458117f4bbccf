"""A run's files held against one another: each kind of damage breaks the check that names it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ensemble.errors import InvalidFile
from ensemble.journal.file import EVENTS, read_events
from ensemble.journal.record import Event, is_blob_line
from ensemble.journal.recording import MANIFEST
from ensemble.scenarios.verifying import verify

if TYPE_CHECKING:
    from conftest import Rewrite, Shipped


def broken(folder: Path) -> dict[str, str]:
    """Return what each check that does not hold saw."""
    document = verify(folder)
    found = {check["name"]: check["saw"] for check in document["checks"] if not check["held"]}
    assert document["whole"] is not bool(found)
    return found


def lines_of(folder: Path) -> list[bytes]:
    return (folder / EVENTS).read_bytes().split(b"\n")[:-1]


def write(folder: Path, lines: list[bytes]) -> None:
    (folder / EVENTS).write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize("case", ["base", "expert", "clean"])
def test_a_shipped_recording_is_whole(shipped: "Shipped", case: str) -> None:
    assert broken(shipped(case)) == {}


def test_a_line_cut_off_is_named_by_its_number(shipped: "Shipped") -> None:
    folder = shipped("base")
    data = (folder / EVENTS).read_bytes()
    (folder / EVENTS).write_bytes(data[:-20])

    found = broken(folder)

    assert f"line {len(lines_of(folder)) + 1} was being written" in found["chain"]


@pytest.mark.parametrize("number", [2, 9, 20])
def test_a_changed_line_is_named_by_its_number(shipped: "Shipped", number: int) -> None:
    folder = shipped("base")
    lines = lines_of(folder)
    lines[number - 1] = lines[number - 1].replace(b"e", b"E", 1)
    write(folder, lines)

    assert f"line {number} was changed" in broken(folder)["chain"]


def test_a_changed_blob_is_named_by_its_line(shipped: "Shipped") -> None:
    folder = shipped("expert")
    lines = lines_of(folder)
    place = next(n for n, line in enumerate(lines) if is_blob_line(line))
    lines[place] = lines[place].replace(b"one expert", b"two expert")
    write(folder, lines)

    assert f"line {place + 1} was changed" in broken(folder)["chain"]


def test_a_missing_blob_is_named_by_the_line_that_needs_it(shipped: "Shipped") -> None:
    folder = shipped("expert")
    lines = lines_of(folder)
    place = next(n for n, line in enumerate(lines) if is_blob_line(line))
    write(folder, lines[:place] + lines[place + 1 :])

    (saw,) = broken(folder).values()

    assert f"{EVENTS}:{place + 1}:1: this line is no event" in saw


def test_two_lines_that_changed_places_break_the_chain(shipped: "Shipped") -> None:
    folder = shipped("base")
    lines = lines_of(folder)
    lines[-2], lines[-1] = lines[-1], lines[-2]
    write(folder, lines)

    assert f"line {len(lines) - 1} was changed" in broken(folder)["chain"]


def test_an_answer_changed_and_chained_anew_has_another_digest(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    folder = shipped("base")

    def promote(events: list[Event]) -> list[Event]:
        place = next(n for n, event in enumerate(events) if event.event == "model_replied")
        value: Any = {**events[place].value, "text": "all is well"}
        events[place] = replace(events[place], body={**events[place].body, "value": value})
        return events

    rewrite(folder, promote)

    assert set(broken(folder)) == {"digest"}


def test_an_event_taken_out_and_chained_anew_breaks_the_order(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    folder = shipped("base")

    rewrite(folder, lambda events: [*events[:3], *events[4:]])

    assert broken(folder)["order"] == "event 3 is numbered 4"


@pytest.mark.parametrize(
    ("field", "value", "saw"),
    [
        ("digest", "sha256:0", "manifest sha256:0, events sha256:"),
        ("authority", "decided", "manifest decided, events advisory"),
        ("status", "failed", "manifest failed, events completed"),
        ("events", 31, "manifest 31, events 32"),
        ("run", "r-other", "manifest r-other, events r-20"),
        ("case", "expert", "manifest expert, events none"),
        ("served", [], "manifest none, events embedded/"),
        ("agents", {}, "manifest 0 entries, events 5 entries"),
    ],
)
def test_a_manifest_of_another_run_is_held_against_the_events(
    shipped: "Shipped", field: str, value: Any, saw: str
) -> None:
    folder = shipped("base")
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, field: value}))

    found = broken(folder)

    assert list(found) == [f"manifest {field}"]
    assert found[f"manifest {field}"].startswith(saw)


@pytest.mark.parametrize(
    ("text", "name"), [("{", "manifest"), ('{"format": "ensemble/journal@9"}', "format")]
)
def test_a_manifest_that_is_none_is_told(shipped: "Shipped", text: str, name: str) -> None:
    folder = shipped("base")
    (folder / MANIFEST).write_text(text)

    assert name in broken(folder)


def test_without_a_manifest_the_events_alone_are_checked(shipped: "Shipped") -> None:
    folder = shipped("base")
    (folder / MANIFEST).unlink()

    told = {check["name"]: check["saw"] for check in verify(folder)["checks"]}

    assert broken(folder) == {}
    assert told["manifest"] == "there is no manifest.json, so the events alone were checked"


def test_a_run_that_was_killed_is_whole_up_to_there(shipped: "Shipped", rewrite: "Rewrite") -> None:
    folder = shipped("base")
    manifest = json.loads((folder / MANIFEST).read_text())
    begun = {name: manifest[name] for name in ("format", "run", "case", "agents")}
    (folder / MANIFEST).write_text(json.dumps(begun))

    rewrite(folder, lambda events: events[:12])

    assert broken(folder) == {}
    assert len(read_events(folder).events) == 12


def test_without_a_journal_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no journal here"):
        verify(tmp_path)
