"""Any events, cut or damaged anywhere: what is read is what was written, up to some line."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ensemble.journal.record import Event, read_line, write_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | TEXTS | st.just({"blob": "sha256:x"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(["value", "request", "attempt", "usage"]), VALUES)


class Journal:
    def __init__(self, bodies: list[dict[str, Any]]) -> None:
        self.blobs: dict[str, bytes] = {}
        self.events = [Event("drawn", f"k{n}", n, n / 3, body) for n, body in enumerate(bodies)]
        self.lines: list[bytes] = []
        told = ""
        for event in self.events:
            line, told = write_line(event, "r-1", told, self.keep)
            self.lines.append(line)

    def keep(self, data: bytes) -> str:
        name = f"sha256:{len(self.blobs)}"
        self.blobs[name] = data
        return name

    def read(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        told = ""
        for line in data.removesuffix(b"\n").split(b"\n"):
            found = read_line(line, told, lambda name: json.loads(self.blobs[name]))
            if found is None:
                break
            event, told, _ = found
            events.append(event)
        return events


@given(st.lists(BODIES, min_size=1, max_size=5))
def test_any_events_read_back(bodies: list[dict[str, Any]]) -> None:
    journal = Journal(bodies)

    assert journal.read(b"".join(journal.lines)) == journal.events


@given(st.lists(BODIES, min_size=1, max_size=4), st.data())
def test_any_damage_ends_the_journal_before_it(
    bodies: list[dict[str, Any]], data: st.DataObject
) -> None:
    journal = Journal(bodies)
    whole = b"".join(journal.lines)
    at = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))

    read = journal.read(whole[:at] + bytes([byte]) + whole[at + 1 :])

    assert read == journal.events[: whole[:at].count(b"\n")]
