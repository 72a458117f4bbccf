"""Conditions on edges: small named functions of the state, composable with `&`, `|`, `~`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble.errors import InvalidFile
from ensemble.graph.findings import findings_of
from ensemble.graph.state import latest, turns_of
from ensemble.roles import Severity


@dataclass(frozen=True)
class Condition:
    """Whether an edge is taken, and how that is said in a drawing."""

    name: str
    holds: Callable[[Mapping[str, Any]], bool]
    """A function of the state: `turns`, `evidence`, `task` … as `EnsembleState` has them."""

    def holds_in(self, state: Mapping[str, Any], *, where: str) -> bool:
        """Return whether it holds.

        Raises:
            InvalidFile: the condition itself fails; `where` names its edge.
        """
        try:
            return self.holds(state)
        except Exception as error:
            raise InvalidFile(
                f"the condition {self.name!r} fails: {type(error).__name__}: {error}",
                where=where,
                fix="mend the condition's function",
            ) from error

    def __and__(self, other: "Condition") -> "Condition":
        name = f"{_part(self.name)} and {_part(other.name)}"
        return Condition(name, lambda state: self.holds(state) and other.holds(state))

    def __or__(self, other: "Condition") -> "Condition":
        name = f"{_part(self.name)} or {_part(other.name)}"
        return Condition(name, lambda state: self.holds(state) or other.holds(state))

    def __invert__(self) -> "Condition":
        return Condition(f"not {_part(self.name)}", lambda state: not self.holds(state))


def found(severity: Severity = Severity.CRITICAL) -> Condition:
    """Hold when a finding at least this severe was raised by a seat or a gate."""
    return Condition(
        f"found {severity.value}",
        lambda state: any(Severity(f.severity).rank <= severity.rank for f in findings_of(state)),
    )


def split() -> Condition:
    """Hold when the last answers of the seats take more than one position."""

    def holds(state: Mapping[str, Any]) -> bool:
        return len({turn.position for turn in latest(turns_of(state)) if turn.position}) > 1

    return Condition("split", holds)


def unsure() -> Condition:
    """Hold when the last finished turn says that its confidence is low."""

    def holds(state: Mapping[str, Any]) -> bool:
        answers = [turn.answer for turn in turns_of(state) if turn.answer]
        return bool(answers) and answers[-1].get("confidence") == "low"

    return Condition("unsure", holds)


def _part(name: str) -> str:
    """Return a condition's name as part of another's, in brackets where it is made of two."""
    return f"({name})" if " and " in name or " or " in name else name
