"""A run's journal read as a drawing wants it: its topology, its cast, and the way it took.

The graph file is not needed, and may have changed since: the journal says what the edges were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ensemble.errors import InvalidFile
from ensemble.graph.routing import Condition
from ensemble.graph.state import BEFORE, place_of
from ensemble.graph.topology import Edge, Topology
from ensemble.graph.walk import NEVER, TurnSpan, Walk, walk_of
from ensemble.journal.file import EVENTS
from ensemble.journal.record import Event
from ensemble.roles import TurnStatus
from ensemble.scenarios.runs import events_of

_LOST: Final = frozenset({TurnStatus.FAILED, TurnStatus.REFUSED, TurnStatus.UNPARSED})


@dataclass(frozen=True)
class Walked:
    """A run as it went through its topology."""

    topology: Topology
    members: Mapping[str, Sequence[str]]
    """Seat to its agents; one that gave no answer is named with what became of it."""
    asked_lab: Sequence[str]
    """Seats that asked the lab."""
    walk: Walk


def walked(folder: Path) -> Walked:
    """Return how the run in `folder` went.

    Raises:
        InvalidFile: its journal does not say what was run, or makes no sense.
    """
    events = events_of(folder).events
    try:
        return _read(events)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(
            "the journal does not say which graph was run, and how",
            where=str(folder / EVENTS),
            fix="name a run that has started, or restore the file",
        ) from error


def _read(events: Sequence[Event]) -> Walked:
    told = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "run_started"]
    inputs = told[0]
    topology = _topology(inputs["graph"])
    turns = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "turn_ended"]
    status = {str(turn["path"]): str(turn["status"]) for turn in turns}
    lost = {path for path, found in status.items() if found in _LOST}
    walk = walk_of(
        topology,
        _spans(events),
        decided=any(event.event == "decided" for event in events),
        lost={place_of(path)[0] for path in lost},
    )
    seated: Mapping[str, Sequence[str]] = inputs["cast"]
    members: dict[str, list[str]] = {}
    for path in sorted(seated, key=place_of):
        found = status.get(path, TurnStatus.ANSWERED)
        told = "" if found == TurnStatus.ANSWERED else f", {found.replace('_', ' ')}"
        members.setdefault(place_of(path)[0], []).append(f"{seated[path][0]}{told}")
    return Walked(topology, members, _asked_lab(events), walk)


def _topology(graph: Mapping[str, Any]) -> Topology:
    edges: list[Edge] = []
    for edge in graph["edges"]:
        when = Condition(str(edge["when"]), lambda _: False) if edge["when"] else None
        targets = tuple(edge["to"])
        to = targets[0] if len(targets) == 1 else targets
        edges.append(Edge(edge["from"], to, edge["role"], when, edge["at_most"]))
    return Topology(graph["name"], tuple(edges))


def _spans(events: Sequence[Event]) -> list[TurnSpan]:
    """Return every turn with its places in the journal."""
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    for place, event in enumerate(events):
        if event.event in ("turn_started", "turn_ended"):
            began.setdefault(event.key, place)
        if event.event == "turn_ended":
            ended.setdefault(event.key, place)
    return [
        TurnSpan(*_read_key(key), began=place, ended=ended.get(key, NEVER))
        for key, place in began.items()
    ]


def _read_key(key: str) -> tuple[str, str, int]:
    """Return seat, role and occurrence of a turn: `panel[0]/panel_member#0`."""
    path, _, entry = key.partition("/")
    role, _, occurrence = entry.rpartition("#")
    return place_of(path)[0], role, int(occurrence)


def _asked_lab(events: Sequence[Event]) -> list[str]:
    asked = [key for e in events if e.event == "lab_submitted" for key in e.body["asked_by"]]
    decided = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "decided"]
    asked += [key for made in decided for item in made["evidence"] for key in item["asked_by"]]
    return sorted({_read_key(key)[0] for key in asked if key != BEFORE})
