"""One measured figure, and what it was held against.

Knows nothing of how anything is measured.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    install: bool = False
    """Also measure an installation, which needs the network."""


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    how: str
    """What was done, how often, and the spread."""
    goal: float | None = None
    """The figure must not be above this; None where it only informs."""

    @property
    def held(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.value <= self.goal

    def document(self) -> dict[str, Any]:
        """Return the row as one JSON object."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "goal": self.goal,
            "held": self.held,
            "how": self.how,
        }


Measure = Callable[[Options], Iterable[Row]]
"""Measures something and returns its rows; raises `EnsembleError` where it cannot."""


def median_row(
    name: str, values: Sequence[float], unit: str, how: str, *, goal: float | None = None
) -> Row:
    """Return the row of a figure measured several times: its median, with the spread told."""
    spread = f"median of {len(values)}, {min(values):.3g} to {max(values):.3g}"
    return Row(name, statistics.median(values), unit, f"{how}; {spread}", goal)
