"""A run counted beforehand, as text and as a document."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ensemble.graph.bounds import Bounds
from ensemble.graph.run_context import Limits
from ensemble.roles import HUMAN

People = Sequence[tuple[str, str]]
"""Path and role of each turn that a person takes, which asks no model."""


def as_document(bounds: Bounds, limits: Limits, people: People = ()) -> dict[str, Any]:
    """Return the bounds as JSON."""
    return {
        "schema": "ensemble/plan@1",
        "clean": {
            "model_calls": bounds.clean_calls,
            "tokens": bounds.clean_tokens,
            "usd": bounds.clean_usd,
            "wall_s": bounds.clean_wall_s,
        },
        "worst": {
            "model_calls": bounds.worst_calls,
            "tokens": bounds.worst_tokens,
            "usd": bounds.worst_usd,
            "wall_s": bounds.worst_wall_s,
        },
        "limits": asdict(limits),
        "turns": [asdict(turn) for turn in bounds.turns],
        "people": [{"path": path, "role": role} for path, role in people],
    }


def as_text(bounds: Bounds, limits: Limits, people: People = ()) -> str:
    """Return the bounds as a table."""
    rows = [("turn", "agent", "asks first", "calls", "at worst", "tokens")]
    rows += [
        (
            f"{turn.path} as {turn.role}",
            turn.agent,
            turn.asked or "no model",
            str(turn.clean_calls),
            str(turn.worst_calls),
            str(turn.clean_tokens),
        )
        for turn in bounds.turns
    ]
    rows += [(f"{path} as {role}", HUMAN, "a person", "", "", "") for path, role in people]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    clean = (bounds.clean_calls, bounds.clean_tokens, bounds.clean_usd, bounds.clean_wall_s)
    worst = (bounds.worst_calls, bounds.worst_tokens, bounds.worst_usd, bounds.worst_wall_s)
    lines += [
        "",
        f"clean case: {_case(*clean)}, about 1 s a turn assumed",
        f"worst case: {_case(*worst)}",
        f"limits while it runs: {_limits(limits)}",
    ]
    return "\n".join(lines)


def _case(calls: int, tokens: int, usd: float | None, wall_s: float | None) -> str:
    money = "price unknown" if usd is None else f"{usd:.4f} USD"
    wall = "as long as a person takes" if wall_s is None else f"{wall_s:.0f} s"
    return f"{calls} model calls, about {tokens} tokens, {money}, {wall}"


def _limits(limits: Limits) -> str:
    told = asdict(limits)
    numbers = {name: value for name, value in told.items() if isinstance(value, (int, float))}
    held = ", ".join(f"{name} {value:g}" for name, value in numbers.items())
    free = ", ".join(name for name, value in told.items() if value is None)
    return "; ".join(part for part in (held, f"none on {free}" if free else "") if part)
