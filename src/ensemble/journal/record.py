"""One event of a run, and the one line of JSON it is written as.

A line is canonical JSON with a `sum`: the SHA-256 of the previous event's sum and this line
without its own. Fields over 4 KiB are blobs: lines of their own, `{"blob":"sha256:…","value":…}`,
written once before the first event that names them. A field that is `{"blob": …}` on an event's
line is always such a name.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ensemble.canonical import canonical_members, canonical_of_json, fingerprint_of
from ensemble.journal.shape import Head

BLOB_OVER_BYTES: Final = 4096
FORMAT: Final = "ensemble/journal@2"
_BLOB: Final = re.compile(rb'\{"blob":"(sha256:[0-9a-f]{64})","value":(.*)\}', re.DOTALL)

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


_BYTES_OF_ONE_CHARACTER: Final = 6
"""At most, in canonical JSON: a control character's."""
_HEAD = ("event", "key", "seq", "at", "run", "sum")


def write_line(
    event: Event,
    run: str,
    previous_sum: str,
    keep_blob: Callable[[bytes], str],
    written: Mapping[str, bytes] | None = None,
) -> tuple[bytes, str]:
    """Return the event's line, with its newline, and its sum.

    Args:
        event: what happened; all keys in its body are strings.
        run: the run's id.
        previous_sum: the sum of the line before; empty for the first.
        keep_blob: writes the line of a blob, once, and returns its name.
        written: fields of the body that were made canonical JSON before.
    """
    flat = event.document(run)
    written = dict(written or {})
    for name, item in event.body.items():
        if isinstance(item, (dict, list, tuple)) or _may_be_long(item):
            data = written.get(name) or canonical_of_json(item)
            # What only looks like a blob's name would be taken for one when read back.
            if len(data) > BLOB_OVER_BYTES or _is_blob(item):
                data = f'{{"blob":"{keep_blob(data)}"}}'.encode()
            written[name] = data
    before = canonical_members({k: item for k, item in flat.items() if k < "sum"}, written)
    after = canonical_members({k: item for k, item in flat.items() if k > "sum"}, written)
    rest = b"," + after + b"}" if after else b"}"
    mark = hashlib.sha256(previous_sum.encode() + b"{" + before + rest).hexdigest()
    return b"{" + before + b',"sum":"' + mark.encode() + b'"' + rest + b"\n", mark


def write_blob(data: bytes) -> tuple[str, bytes]:
    """Return the name of a blob, and its line with the newline.

    Args:
        data: its value as canonical JSON.
    """
    name = fingerprint_of(data)
    return name, b'{"blob":"' + name.encode() + b'","value":' + data + b"}\n"


def is_blob_line(line: bytes) -> bool:
    """Return whether a line begins like a blob's: an event's first field sorts before that."""
    return line.startswith(b'{"blob":')


def read_blob(line: bytes) -> tuple[str, bytes] | None:
    """Return a blob's name and its value as JSON; None where the line is torn or was changed."""
    found = _BLOB.fullmatch(line)
    if found is None or fingerprint_of(found[2]) != found[1].decode():
        return None
    return found[1].decode(), found[2]


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
        if not isinstance(loaded, dict) or canonical_of_json(loaded) != line:
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


def _may_be_long(item: Any) -> bool:
    return isinstance(item, str) and len(item) * _BYTES_OF_ONE_CHARACTER > BLOB_OVER_BYTES


def _sum(flat: Mapping[str, Any], previous_sum: str) -> str:
    return hashlib.sha256(previous_sum.encode() + canonical_of_json(flat)).hexdigest()
