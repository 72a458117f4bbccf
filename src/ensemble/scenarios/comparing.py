"""Two recorded runs side by side: what came of each, and the first event in which they differ."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ensemble.journal.digest import counted, reduced, whole
from ensemble.journal.divergence import changed_fields
from ensemble.journal.file import EVENTS
from ensemble.journal.record import ASKED, Event
from ensemble.scenarios.result import Document, result_of
from ensemble.scenarios.runs import events_of

SCHEMA: Final = "ensemble/diff@1"
_HEAD: Final = ("run", "scenario", "case", "status", "authority", "digest", "journal")
_FINDING: Final = ("severity", "title", "location", "by")
_COUNTS: Final = ("model_calls", "input_tokens", "output_tokens")


class _Place(NamedTuple):
    """Where an event stands in every run of the same inputs."""

    event: str
    key: str
    attempt: int


def compare(one: Path, other: Path) -> Document:
    """Return in what two runs or recordings differ; `a` is the first, `b` the second.

    Raises:
        InvalidFile: a journal makes no sense.
    """
    journals = [events_of(folder) for folder in (one, other)]
    a, b = (
        result_of(contents.run, contents.events, journal=str(folder / EVENTS))
        for contents, folder in zip(journals, (one, other), strict=True)
    )
    return {
        "schema": SCHEMA,
        "same": a["digest"] == b["digest"],
        "a": {name: a[name] for name in _HEAD},
        "b": {name: b[name] for name in _HEAD},
        "position": _pair(_position(a), _position(b)),
        "authority": _pair(a["authority"], b["authority"]),
        "reasons": _only(a["authority_reasons"], b["authority_reasons"]),
        "findings": _only(_findings(a), _findings(b)),
        "seats": _seats(a, b),
        "usage": {n: _pair(a["usage"][n], b["usage"][n]) for n in (*_COUNTS, "usd", "wall_s")},
        "first": _first(*(contents.events for contents in journals)),
    }


def _pair(a: Any, b: Any) -> Document:
    return {"a": a, "b": b}


def _position(result: Document) -> str | None:
    decided: Document = result["decision"] or {}
    return decided.get("position")


def _findings(result: Document) -> list[Document]:
    """Return findings without their ids, which count the others too, and what became of each."""
    decided: Document = result["decision"] or {}
    states = {item["finding"]: item["state"] for item in decided.get("dispositions", ())}
    return [
        {**{name: found[name] for name in _FINDING}, "state": states.get(found["id"], "open")}
        for found in result["findings"]
    ]


def _only(a: Sequence[Any], b: Sequence[Any]) -> Document:
    """Return what stands in one alone, and how many stand in both."""
    return {
        "a": [item for item in a if item not in b],
        "b": [item for item in b if item not in a],
        "both": sum(item in b for item in a),
    }


def _seats(a: Document, b: Document) -> list[Document]:
    """Return each turn's position, server and cost, in the order of the first run."""
    turns = [{turn["key"]: _turn(turn) for turn in result["turns"]} for result in (a, b)]
    return [
        {"turn": key, "a": turns[0].get(key), "b": turns[1].get(key)}
        for key in dict.fromkeys([*turns[0], *turns[1]])
    ]


def _turn(turn: Document) -> Document:
    usage = {name: turn["usage"].get(name, 0) for name in _COUNTS}
    return {name: turn[name] for name in ("agent", "status", "position", "served")} | usage


def _first(a: Sequence[Event], b: Sequence[Event]) -> Document | None:
    """Return the first event in which the runs differ; None where they are the same.

    Compared is what was asked, and what a digest counts, each under its key: seats that go side by
    side may end in any order.
    """
    one, other = _by_place(a), _by_place(b)
    apart: list[tuple[int, _Place]] = []
    for number, place in enumerate(one):
        if place not in other or reduced(one[place].body) != reduced(other[place].body):
            apart.append((number, place))
            break
    alone = (found for found in enumerate(other) if found[1] not in one)
    apart += [found for found in [next(alone, None)] if found is not None]
    if not apart:
        return None
    _, place = min(apart)
    bodies = [reduced(found[place].body) if place in found else None for found in (one, other)]
    return {
        **place._asdict(),
        "in": [name for name, body in zip("ab", bodies, strict=True) if body is not None],
        "fields": [
            {"field": path, "a": before, "b": now} for path, before, now in _changed(*bodies)
        ],
    }


def _changed(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    return [] if a is None or b is None else list(changed_fields(a, b))


def _by_place(events: Sequence[Event]) -> Mapping[_Place, Event]:
    asked = [event for event in events if event.event in ASKED.values()]
    listed = sorted([*asked, *counted(events)], key=lambda event: event.seq)
    return {_Place(e.event, e.key, whole(e.attempt)): e for e in listed}
