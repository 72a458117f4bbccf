"""What an agent file says of itself: its own grade, shown as claimed and never used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

_SPELT: Final = {
    "knowledge_source_authority": "knowledge_authority",
    "output_format_compliance": "output_format",
    "frontmatter_completeness": "frontmatter",
}
_TEN: Final = 10
_HUNDRED: Final = 100


@dataclass(frozen=True)
class Claim:
    """The `audit` block of either family, in one form."""

    by: str | None
    """Who graded it; None where the file does not say."""
    date: str | None
    rubric: str | None
    score: float | None
    scale: int | None
    """The best score there can be: 10 or 100; None without a score."""
    grade: str | None
    priority: str | None
    status: str | None
    dimensions: Mapping[str, float] = field(default_factory=dict[str, float])
    """Dimension to score, on the same scale."""
    notes: tuple[str, ...] = ()
    """Notes, findings, improvements and recommendations."""


def claimed(audit: Mapping[str, Any] | None) -> Claim | None:
    """Return what an `audit` block claims; None where there is none."""
    if not audit:
        return None
    raw = audit.get("dimensions", audit.get("scores"))
    named = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    dimensions = {_SPELT.get(k, k): float(v) for k, v in named.items() if _is_number(v)}
    given = audit.get("composite_score", audit.get("weighted_score"))
    score = float(given) if _is_number(given) else None
    scores = [*dimensions.values(), *([score] if score is not None else [])]
    scale = None if not scores else _TEN if max(scores) <= _TEN else _HUNDRED
    lists = (audit.get(key) for key in ("notes", "findings", "improvements", "recommendations"))
    return Claim(
        by=_text(audit.get("auditor")),
        date=_text(audit.get("date")),
        rubric=_text(audit.get("rubric_version")),
        score=score,
        scale=scale,
        grade=_text(audit.get("grade")),
        priority=_text(audit.get("priority")),
        status=_text(audit.get("status")),
        dimensions=dimensions,
        notes=tuple(
            str(item)
            for items in lists
            if isinstance(items, list)
            for item in cast("list[Any]", items)
        ),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
