"""One hash for what a run asked, was answered and decided.

Two replays and the live run they come from have the same digest, on any machine; one
changed character of a recorded answer has another. Left out is what may differ between
equal runs: run id, order of arrival, clock, durations, token counts, caches, noise, paths.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ensemble.canonical import fingerprint
from ensemble.journal.record import Event

COUNTED = frozenset(
    {
        "run_started",
        "resolved",
        "model_replied",
        "model_failed",
        "tool_returned",
        "tool_refused",
        "lab_returned",
        "ruled",
        "drawn",
        "turn_ended",
        "escalated",
        "person_answered",
        "decided",
    }
)
_LEFT_OUT = frozenset(
    {
        "usage",
        "reserved",
        "cached_tokens",
        "cached",
        "cache_key",
        "age_s",
        "noise",
        "path",
        "artifacts",
        "seconds",
        "cpu_s",
        "wall_s",
        "versions",
    }
)


def digest(events: Iterable[Event]) -> str:
    """Return `sha256:…` over the counted events, sorted by key, event and attempt."""
    kept = [
        {"event": e.event, "key": e.key, "attempt": whole(e.attempt), "body": reduced(e.body)}
        for e in counted(events)
    ]
    kept.sort(key=lambda item: (item["key"], item["event"], item["attempt"]))
    return fingerprint(kept)


def counted(events: Iterable[Event]) -> list[Event]:
    """Return the events that a digest counts: what came of it, and was not taken back."""
    listed = list(events)
    gone = {(e.key, e.attempt) for e in listed if e.event == "withdrawn"}
    return [
        e
        for e in listed
        if e.event in COUNTED and not is_lost(e) and (e.key, e.attempt) not in gone
    ]


def is_lost(event: Event) -> bool:
    """Whether this failed attempt was merely in flight when its run or its process ended."""
    return event.event == "model_failed" and event.body.get("class") == "lost"


def whole(attempt: str) -> int:
    """Return the number of the attempt in the chain's walk: `2.1` stands in for `2`."""
    return int(attempt.split(".", maxsplit=1)[0])


def reduced(value: Any) -> Any:
    """Return what of a body is counted, without what may differ between equal runs."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {
            key: reduced(item) for key, item in items if key not in _LEFT_OUT and key != "attempt"
        }
    if isinstance(value, (list, tuple)):
        return [reduced(item) for item in cast("list[Any]", value)]
    return value
