"""One event of a run, and the one line of JSON it is written as.

A line is canonical JSON with a `sum`: the SHA-256 of the previous line's sum and this line
without its own. Fields over 4 KiB are written as blobs, named by their hash: a field that is
`{"blob": …}` on a line is always one of them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, cast

from ensemble.canonical import canonical
from ensemble.journal.shape import Head

BLOB_OVER_BYTES: Final = 4096
FORMAT: Final = "ensemble/journal@1"

ASKED = {"model": "model_asked", "tool": "tool_called", "lab": "lab_submitted", "person": "paused"}
ANSWERED = {
    "model": ("model_replied", "model_failed"),
    "tool": ("tool_returned", "tool_refused"),
    "lab": ("lab_returned",),
    "person": ("person_answered",),
}


@dataclass(frozen=True)
class Event:
    """One line of the journal."""

    event: str
    key: str
    seq: int
    at: float
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Everything else: `value`, `print`, `attempt`, `served`, `usage` …"""

    @property
    def attempt(self) -> str:
        """The attempt number as text; a call asked again after a loss is `1.1`."""
        return str(self.body.get("attempt", 1))

    @property
    def value(self) -> Any:
        """What was answered, decided or ruled."""
        return self.body.get("value")

    def document(self, run: str) -> dict[str, Any]:
        """Return the event as one flat JSON object."""
        head = {"event": self.event, "key": self.key, "seq": self.seq, "at": self.at, "run": run}
        return {**self.body, **head}


_HEAD = ("event", "key", "seq", "at", "run", "sum")


def write_line(
    event: Event, run: str, previous_sum: str, keep_blob: Callable[[bytes], str]
) -> tuple[bytes, str]:
    """Return the event's line, with its newline, and its sum.

    Args:
        event: what happened.
        run: the run's id.
        previous_sum: the sum of the line before; empty for the first.
        keep_blob: stores bytes and returns `sha256:<hex>`.
    """
    parts = {name: canonical(item) for name, item in event.document(run).items()}
    for name, item in event.body.items():
        # What only looks like a blob's name would be taken for one when read back.
        if name not in _HEAD and (len(parts[name]) > BLOB_OVER_BYTES or _is_blob(item)):
            parts[name] = canonical({"blob": keep_blob(parts[name])})
    mark = hashlib.sha256(previous_sum.encode() + _object(parts)).hexdigest()
    return _object({**parts, "sum": canonical(mark)}) + b"\n", mark


def read_line(
    line: bytes, previous_sum: str, read_blob: Callable[[str], Any]
) -> tuple[Event, str, str] | None:
    """Return the event, its sum and its run id; None where the line is torn or unchained.

    Raises:
        ValueError: the line is whole, and no event.
    """
    try:
        loaded: Any = json.loads(line)
        # Another spelling of the same value is a change of bytes too.
        if not isinstance(loaded, dict) or canonical(loaded) != line:
            return None
        flat = cast("dict[str, Any]", loaded)
        told = flat.pop("sum", None)
        if told != _sum(flat, previous_sum):
            return None
    except (ValueError, RecursionError):
        return None
    body = {
        name: read_blob(cast("dict[str, str]", item)["blob"]) if _is_blob(item) else item
        for name, item in flat.items()
        if name not in _HEAD
    }
    head = Head.model_validate(flat)
    return Event(head.event, head.key, head.seq, head.at, body), told, head.run


def _is_blob(item: Any) -> bool:
    return isinstance(item, dict) and list(cast("dict[str, Any]", item)) == ["blob"]


def _object(parts: Mapping[str, bytes]) -> bytes:
    """Return the canonical JSON object of fields that are canonical JSON already."""
    return b"{" + b",".join(_name(name) + b":" + parts[name] for name in sorted(parts)) + b"}"


@lru_cache
def _name(field_name: str) -> bytes:
    return canonical(field_name)


def _sum(flat: Mapping[str, Any], previous_sum: str) -> str:
    return hashlib.sha256(previous_sum.encode() + canonical(flat)).hexdigest()
