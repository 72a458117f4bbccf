"""A run's journal read as a drawing wants it: its topology, its cast, and the way it took.

The graph file is not needed, and may have changed since: the journal says what the edges were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ensemble.errors import InvalidFile
from ensemble.graph.routing import Condition
from ensemble.graph.state import BEFORE
from ensemble.graph.topology import Edge, Topology
from ensemble.graph.walk import Walk, walk_of
from ensemble.journal.file import EVENTS
from ensemble.journal.record import Event
from ensemble.journal.turn_key import TurnKey, place_of
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
    walk: Walk | None
    """The way it took; None where an older journal does not say."""


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


def topology_of(graph: Mapping[str, Any]) -> Topology:
    """Return the topology that a run's opening event tells; its conditions never hold."""
    edges: list[Edge] = []
    for edge in graph["edges"]:
        when = Condition(str(edge["when"]), lambda _: False) if edge["when"] else None
        targets = tuple(edge["to"])
        to = targets[0] if len(targets) == 1 else targets
        edges.append(Edge(edge["from"], to, edge["role"], when, edge["at_most"]))
    return Topology(graph["name"], tuple(edges))


def _read(events: Sequence[Event]) -> Walked:
    told = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "run_started"]
    inputs = told[0]
    topology = topology_of(inputs["graph"])
    turns = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "turn_ended"]
    status = {str(turn["path"]): str(turn["status"]) for turn in turns}
    counted = _counted(events)
    entered = {
        TurnKey.read(e.key).place.seat for e in events if e.event in ("turn_started", "turn_ended")
    }
    lost = {place_of(path).seat for path, found in status.items() if found in _LOST}
    walk = None if counted is None else walk_of(topology, counted, entered=entered, lost=lost)
    seated: Mapping[str, Sequence[str]] = inputs["cast"]
    members: dict[str, list[str]] = {}
    for path in sorted(seated, key=place_of):
        found = status.get(path, TurnStatus.ANSWERED)
        told = "" if found == TurnStatus.ANSWERED else f", {found.replace('_', ' ')}"
        members.setdefault(place_of(path).seat, []).append(f"{seated[path][0]}{told}")
    return Walked(topology, members, _asked_lab(events), walk)


def _counted(events: Sequence[Event]) -> list[Mapping[str, int]] | None:
    """Return how often edges were taken, as it was told when turns began and at the decision."""
    decided = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "decided"]
    begun = [event.body for event in events if event.event == "turn_started"]
    told = [made.get("taken") for made in decided] or [{}, *(body.get("via") for body in begun)]
    return None if None in told else cast("list[Mapping[str, int]]", told)


def _asked_lab(events: Sequence[Event]) -> list[str]:
    asked = [key for e in events if e.event == "lab_submitted" for key in e.body["asked_by"]]
    decided = [cast("Mapping[str, Any]", e.value) for e in events if e.event == "decided"]
    asked += [key for made in decided for item in made["evidence"] for key in item["asked_by"]]
    return sorted({TurnKey.read(key).place.seat for key in asked if key != BEFORE})
