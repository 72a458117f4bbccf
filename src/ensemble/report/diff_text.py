"""Two runs side by side, as text."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ensemble.report.listing import columns

_FIELDS: Final = 3
_BEFORE: Final = 30
"""So much of two texts is shown before the place where they part."""
_WIDTH: Final = 90
_DIGITS: Final = 12


def diff_text(document: Mapping[str, Any]) -> str:
    """Return in what two runs differ: what came of them, who said what, and where they part."""
    digests = [document[side]["digest"].removeprefix("sha256:")[:_DIGITS] for side in "ab"]
    same = (
        f"The same run, digest {digests[0]}."
        if document["same"]
        else (f"Not the same, digests {digests[0]} and {digests[1]}.")
    )
    heads = [
        {"what": name, "a": _word(document["a"][name]), "b": _word(document["b"][name])}
        for name in ("run", "case", "status")
    ]
    pairs = [
        {"what": name, **{side: _word(pair[side]) for side in "ab"}}
        for name, pair in (
            ("authority", document["authority"]),
            ("position", document["position"]),
            *document["usage"].items(),
        )
    ]
    parts = [
        "\n".join([same, *_rows([{"what": " ", "a": "a", "b": "b"}, *heads, *pairs])]),
        _alone("Reasons", document["reasons"], str),
        _alone("Findings", document["findings"], _finding),
        "\n".join(["Seats:", *_rows(_seats(document["seats"]))]),
        _first(document["first"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"  {line}" for line in columns(rows)]


def _alone(title: str, items: Mapping[str, Any], told: Any) -> str:
    lines = [f"  {side}  {told(item)}" for side in "ab" for item in items[side]]
    return "\n".join([f"{title} of one alone ({items['both']} of both):", *lines]) if lines else ""


def _finding(item: Mapping[str, Any]) -> str:
    where = f" ({item['location']})" if item["location"] else ""
    return f"{item['severity']} {item['state']} by {item['by']}: {item['title']}{where}"


def _seats(seats: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "turn": seat["turn"],
            "differs": " " if seat["a"] == seat["b"] else "*",
            **{side: _turn(seat[side]) for side in "ab"},
        }
        for seat in seats
    ]


def _turn(turn: Mapping[str, Any] | None) -> str:
    if turn is None:
        return "not taken"
    took = turn["position"] or turn["status"]
    tokens = turn["input_tokens"] + turn["output_tokens"]
    return f"{took} ({turn['served'] or 'nobody'}, {turn['model_calls']} calls, {tokens} tokens)"


def _first(first: Mapping[str, Any] | None) -> str:
    if first is None:
        return "No event differs."
    attempt = f", attempt {first['attempt']}" if first["attempt"] > 1 else ""
    lines = [f"First event that differs: {first['event']} {first['key']}{attempt}"]
    if len(first["in"]) == 1:
        lines.append(f"  {first['in'][0]} alone has it")
    for field in first["fields"][:_FIELDS]:
        a, b = _apart(_json(field["a"]), _json(field["b"]))
        lines += [f"  field: {field['field']}", f"    a: {a}", f"    b: {b}"]
    more = len(first["fields"]) - _FIELDS
    return "\n".join([*lines, *([f"  … {more} more fields"] if more > 0 else [])])


def _apart(a: str, b: str) -> tuple[str, str]:
    """Cut two long texts to where they part."""
    parts = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    start = max(0, parts - _BEFORE)
    return _cut(a, start), _cut(b, start)


def _cut(text: str, start: int) -> str:
    shown = text[start : start + _WIDTH]
    return f"{'…' if start else ''}{shown}{'…' if start + _WIDTH < len(text) else ''}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _word(value: Any) -> str:
    return "-" if value is None else str(value)
