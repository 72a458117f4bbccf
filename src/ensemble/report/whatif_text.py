"""What would have been decided otherwise, as text."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ensemble.report.listing import columns

_TITLES: Final = {
    "asked": "As asked",
    "seats": "Without one seat",
    "rules": "By another rule",
    "quorum": "With another quorum",
    "gates": "A gate the other way",
}


def whatif_text(document: Mapping[str, Any]) -> str:
    """Return a what-if document as text: the recorded decision, then a table a kind of change."""
    recorded: Mapping[str, Any] = document["recorded"]
    case = f" ({document['case']})" if document["case"] else ""
    head = f"Recorded, {recorded['authority'].upper()}: {_taken(recorded)}"
    lines = [f"{head}    {document['scenario']}{case}"]
    if recorded["fixed_by_rule"]:
        lines.append(_wrapped(f"fixed by rule: {recorded['fixed_by_rule']}", "  "))
    parts = ["\n".join(lines)]
    for name, rows in document["alternatives"].items():
        if rows:
            parts.append(_table(_TITLES[name], rows, document["flip_rate"][name]))
    if "seats" in document["alternatives"]:
        parts.append(_seats(document["alternatives"]["seats"]))
    notes = [_wrapped(f"Note: {note}.") for note in document["notes"]]
    return "\n\n".join([*parts, "\n".join(notes)])


def _table(title: str, rows: Sequence[Mapping[str, Any]], flips: Mapping[str, int]) -> str:
    told = (
        f"{title} (position changes in {flips['position']} of {flips['of']}, "
        f"authority in {flips['authority']}):"
    )
    cells = [
        {
            "authority": row["authority"],
            "position": _taken(row),
            "changes": _changes(row),
            "change": row["change"],
        }
        for row in rows
    ]
    lines: list[str] = []
    for row, line in zip(rows, columns(cells), strict=True):
        lines.append(f"  {line}")
        if row["position_changes"] or row["authority_falls_by"]:
            lines += [_wrapped(reason, "      - ") for reason in row["authority_reasons"]]
        if title == _TITLES["asked"] and row["in_sight_of"]:
            read = f"with their words in sight: {', '.join(row['in_sight_of'])}"
            lines.append(_wrapped(read, "      "))
    return "\n".join([told, *lines])


def _seats(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what each seat gave, and how much of the decision rests on it."""
    head = {"seat": "seat", "agent": "agent", "took": "took", "share": "share", "gave": "gave"}
    cells = [
        {
            "seat": row["seat"],
            "agent": row["agent"],
            "took": row["took"] or "-",
            "share": "-" if row["share"] is None else f"{row['share']:.2f}",
            "gave": ", ".join([*row["findings"], *row["evidence"]]) or "-",
            "in_sight": ", ".join(row["in_sight_of"]) or "nobody",
        }
        for row in rows
    ]
    lines = columns([{**head, "in_sight": "its words in sight of"}, *cells])
    return "\n".join(["What each seat is worth:", *(f"  {line}" for line in lines)])


def _taken(row: Mapping[str, Any]) -> str:
    return " ".join(str(row["position"] or "no position").split())


def _changes(row: Mapping[str, Any]) -> str:
    falls: int = row["authority_falls_by"]
    told = [
        "position" if row["position_changes"] else "",
        {True: "authority falls", False: "authority rises"}[falls > 0] if falls else "",
    ]
    return ", ".join(filter(None, told)) or "-"


def _wrapped(text: str, head: str = "") -> str:
    return textwrap.fill(text, 100, initial_indent=head, subsequent_indent=" " * len(head))
