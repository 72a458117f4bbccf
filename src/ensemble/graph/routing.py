"""Conditions on edges: small named functions of the state, composable with `&`, `|`, `~`.

Each looks at the last word of every seat, never at who spoke last, so that the order in which
seats finish changes no way. Has never heard of edges.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble.errors import InvalidFile
from ensemble.graph.findings import about, findings_of
from ensemble.graph.state import evidence_of, latest, takes_position, turns_of
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
    """Hold while a finding at least this severe stands: of a gate, or of a seat's last word.

    A seat that looks again and does not raise it any more has let it go.
    """

    def holds(state: Mapping[str, Any]) -> bool:
        standing = {None, *(turn.key for turn in latest(turns_of(state)))}
        return any(
            Severity(finding.severity).rank <= severity.rank
            for finding in findings_of(state)
            if finding.turn in standing
        )

    return Condition(f"found {severity.value}", holds)


def split() -> Condition:
    """Hold when the last answers of the seats take more than one position."""

    def holds(state: Mapping[str, Any]) -> bool:
        return len({turn.position for turn in latest(turns_of(state)) if turn.position}) > 1

    return Condition("split", holds)


def majority() -> Condition:
    """Hold when more than half of the seats that take a position take the same one.

    A seat that was lost, or takes none, counts among those to be won.
    """

    def holds(state: Mapping[str, Any]) -> bool:
        voting = [turn for turn in latest(turns_of(state)) if takes_position(turn.role)]
        votes = Counter(turn.position for turn in voting if turn.position)
        return max(votes.values(), default=0) > len(voting) / 2

    return Condition("majority", holds)


def unsure() -> Condition:
    """Hold when some seat's last answer says that its confidence is low."""

    def holds(state: Mapping[str, Any]) -> bool:
        answers = [turn.answer for turn in latest(turns_of(state)) if turn.answer]
        return any(answer.get("confidence") == "low" for answer in answers)

    return Condition("unsure", holds)


def escalates() -> Condition:
    """Hold when some seat's last turn escalates, as its agent's file says when."""

    def holds(state: Mapping[str, Any]) -> bool:
        return any(turn.escalation for turn in latest(turns_of(state)))

    return Condition("escalates", holds)


def learned() -> Condition:
    """Hold when the last round brought a measurement or a finding that was not there before.

    A round is an answer of a seat and what others make of it. A finding is told by its place
    and title, so that one raised again is none that was learned; that figures rest on nothing
    is none either.
    """

    def holds(state: Mapping[str, Any]) -> bool:
        round_of = {turn.key: turn.round for turn in turns_of(state)}
        last = max(round_of.values(), default=0)
        measured = [round_of.get(item["asked_by"][0]) for item in evidence_of(state)]
        raised: dict[int, set[tuple[str, str]]] = {}
        for finding in findings_of(state):
            if finding.first is not None:
                raised.setdefault(round_of[finding.first], set()).add(about(finding))
        before = set[tuple[str, str]]().union(*(raised[n] for n in raised if n < last))
        return last in measured or bool(raised.get(last, set()) - before)

    return Condition("learned", holds)


def _part(name: str) -> str:
    """Return a condition's name as part of another's, in brackets where it is made of two."""
    return f"({name})" if " and " in name or " or " in name else name
