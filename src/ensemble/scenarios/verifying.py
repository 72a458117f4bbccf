"""Whether a run's journal and manifest are what was written: each check by itself.

What is read here is what every other reader reads. Only that there is a journal at all is taken for
granted; a fault in it is a check that does not hold.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from ensemble.errors import InvalidFile
from ensemble.journal.digest import digest
from ensemble.journal.file import EVENTS, Contents
from ensemble.journal.record import FORMAT
from ensemble.journal.recording import MANIFEST, read_manifest
from ensemble.scenarios.runs import events_of

SCHEMA: Final = "ensemble/verified@1"
Document = dict[str, Any]
_UNENDED: Final = "none: the run has not ended"


def verify(folder: Path) -> Document:
    """Return what holds of the run or recording in `folder`, as `{name, held, saw}`.

    Raises:
        InvalidFile: there is no journal in `folder`.
    """
    if not (folder / EVENTS).is_file():
        raise InvalidFile(
            "no journal here", where=str(folder / EVENTS), fix="name a run of `ensemble list`"
        )
    checks = [{"name": name, "held": held, "saw": saw} for name, held, saw in _checks(folder)]
    return {
        "schema": SCHEMA,
        "journal": str(folder / EVENTS),
        "whole": all(check["held"] for check in checks),
        "checks": checks,
    }


def _checks(folder: Path) -> Iterator[tuple[str, bool, str]]:
    try:
        contents = events_of(folder)
    except InvalidFile as fault:
        yield "events", False, f"{fault.where}: {fault.problem}"
        return
    yield "chain", contents.torn_line is None, _chain(contents, folder)
    yield "blobs", True, f"{len(contents.blobs)}, each as its name says"
    yield _order(contents)
    yield _digest(contents)
    try:
        manifest = read_manifest(folder)
    except InvalidFile as fault:
        yield "manifest", False, f"{fault.where}: {fault.problem}"
        return
    if not manifest:
        yield "manifest", True, f"there is no {MANIFEST}, so the events alone were checked"
        return
    yield "format", manifest.get("format") == FORMAT, str(manifest.get("format"))
    for name, told in _FROM_EVENTS.items():
        if name not in _BEGUN and not _is_ended(contents):
            continue  # it is written, or written again, at the end
        found = told(contents)
        agrees = manifest.get(name) == found
        saw = f"as the events have it: {_short(found)}"
        if not agrees:
            saw = f"manifest {_short(manifest.get(name))}, events {_short(found)}"
        yield f"manifest {name}", agrees, saw


def _chain(contents: Contents, folder: Path) -> str:
    whole = f"{len(contents.events)} events, each on the one before it"
    if contents.torn_line is None:
        return whole
    data = (folder / EVENTS).read_bytes()
    place = f"line {contents.torn_line}"
    if data.find(b"\n", contents.whole_bytes) == -1:
        return f"{place} was being written when the process ended; {whole} before it"
    return f"{place} was changed, or is not what followed the line before it; {whole} up to there"


def _order(contents: Contents) -> tuple[str, bool, str]:
    """Check that events are numbered as they stand, and owners one after another."""
    numbers = [event.seq for event in contents.events]
    epochs = [event.body.get("epoch") for event in contents.events if event.event == "owner"]
    out = next((n for n, seq in enumerate(numbers) if seq != n), None)
    if out is not None:
        return "order", False, f"event {out} is numbered {numbers[out]}"
    if epochs != list(range(1, len(epochs) + 1)):
        return "order", False, f"owners {epochs}"
    return "order", True, f"events are numbered as they stand, owners: {len(epochs)}"


def _digest(contents: Contents) -> tuple[str, bool, str]:
    if not _is_ended(contents):
        return "digest", True, _UNENDED
    told, made = _ended(contents).get("digest"), digest(contents.events)
    return "digest", told == made, made if told == made else f"recorded {told}, now {made}"


def _is_ended(contents: Contents) -> bool:
    return any(event.event == "run_ended" for event in contents.events)


def _ended(contents: Contents) -> Document:
    return _value(contents, "run_ended")


def _value(contents: Contents, name: str) -> Document:
    found = [cast("Document", event.value) for event in contents.events if event.event == name]
    return found[-1] if found else {}


def _served(contents: Contents) -> list[str]:
    turns = (event.value for event in contents.events if event.event == "turn_ended")
    return sorted({turn["served"] for turn in turns if turn["served"]})


def _agents(contents: Contents) -> dict[str, str]:
    told: Document = _value(contents, "run_started").get("agents", {})
    return {name: agent["sha256"] for name, agent in told.items()}


_FROM_EVENTS: Final[dict[str, Callable[[Contents], Any]]] = {
    "run": lambda contents: contents.run,
    "case": lambda contents: _value(contents, "run_started").get("case"),
    "agents": _agents,
    "events": lambda contents: len(contents.events),
    "status": lambda contents: _ended(contents).get("status"),
    "authority": lambda contents: _value(contents, "decided").get("authority", "void"),
    "served": _served,
    "digest": lambda contents: _ended(contents).get("digest"),
}
"""A field of the manifest to what the events say of it."""
_BEGUN: Final = ("run", "case", "agents")
"""Fields that stand there from the start."""


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(cast('Document', value))} entries"
    told = ", ".join(cast("list[str]", value)) if isinstance(value, list) else value
    return str(told or "none")
