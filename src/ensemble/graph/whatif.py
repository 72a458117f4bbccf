"""A decision made again of turns that were taken, with something about it changed.

Nobody is asked anew: every answer stands as it was given, also where it was given with the words
of a seat in sight that is now left out. Has never heard of journals.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import factorial
from typing import Any, Final, TypeVar, cast

from ensemble.agents.casting import role_default
from ensemble.errors import UsageError, closest
from ensemble.graph.decision import LEVELS, decide_on
from ensemble.graph.findings import Finding, View, findings_of, views_of
from ensemble.graph.seating import Ensemble
from ensemble.graph.state import Document, Turn, turns_of
from ensemble.graph.voting import voters_of
from ensemble.journal.turn_key import TurnKey
from ensemble.lab.specs import TOOLS
from ensemble.roles import Sees

RULES: Final = ("chair", "majority", "weighted", "unanimous")
SEATS_SHARED: Final = 10
"""Among so many seats shares are counted: each further one doubles the decisions to make."""

Setting = float | bool
"""Another threshold of a gate; or how it came out, whatever its threshold."""
_Item = TypeVar("_Item", Finding, View)


@dataclass(frozen=True)
class Change:
    """What is otherwise than it was."""

    without: tuple[str, ...] = ()
    """Paths of seats whose turns and measurements are left out."""
    rule: str | None = None
    quorum: int | None = None
    gates: Mapping[str, Setting] = field(default_factory=dict[str, Setting])
    """By `EVIDENCE/GATE`."""

    def __str__(self) -> str:
        words = {True: "passes", False: "fails"}
        gates = {
            name: f"{name} {words[to]}" if isinstance(to, bool) else f"{name} at {to:g}"
            for name, to in self.gates.items()
        }
        told = [
            f"without {', '.join(self.without)}" if self.without else "",
            f"rule {self.rule}" if self.rule else "",
            f"quorum {self.quorum}" if self.quorum is not None else "",
            *gates.values(),
        ]
        return "; ".join(filter(None, told)) or "nothing changed"


@dataclass(frozen=True)
class Taken:
    """A run's turns and evidence, and the rules that made a decision of them."""

    ensemble: Ensemble
    """Topology and rules; nobody need be seated."""
    state: Mapping[str, Any]

    @property
    def paths(self) -> list[str]:
        """Every path that took a turn, in order."""
        return list(dict.fromkeys(turn.path for turn in turns_of(self.state)))

    @property
    def voters(self) -> list[Turn]:
        """The turns that vote."""
        return voters_of(self.ensemble, turns_of(self.state))

    @property
    def gates(self) -> dict[str, Document]:
        """`EVIDENCE/GATE` to each gate that was measured, the evidence by its name."""
        return {
            f"{item['name']}/{gate['name']}": gate
            for item in cast("Mapping[str, Document]", self.state["evidence"]).values()
            for gate in cast("list[Document]", item["gates"])
        }

    def decide(self, change: Change = Change()) -> Document:
        """Return the decision that the rules make where `change` holds.

        Raises:
            UsageError: there is no such seat, rule or gate, or no threshold settles the gate.
        """
        ensemble = replace(self.ensemble, rules=self._rules(change))
        state = self._state(change)
        findings = _as_called(findings_of(self.state), findings_of(state), _finding)
        views = _as_called(
            views_of(self.voters), views_of(voters_of(ensemble, turns_of(state))), _position
        )
        return decide_on(ensemble, state, findings, views)

    def evidence_without(self, *paths: str) -> dict[str, Document]:
        """Return the evidence less what these seats alone had asked for."""
        found: dict[str, Document] = {}
        for key, item in cast("Mapping[str, Document]", self.state["evidence"]).items():
            asked_by = [asker for asker in item["asked_by"] if _path(asker) not in paths]
            if asked_by:
                found[key] = {**item, "asked_by": asked_by}
        return found

    def readers(self, *paths: str) -> list[str]:
        """Return keys of others' turns that may have had the words of these seats in sight."""
        turns = turns_of(self.state)
        began = min((turn.step for turn in turns if turn.path in paths), default=len(turns))
        measured = len(self.evidence_without(*paths)) < len(self.state["evidence"])
        return [
            turn.key
            for turn in turns
            if turn.path not in paths and turn.step > began
            if measured or role_default(turn.role).sees is not Sees.NOTHING
        ]

    def shares(self) -> dict[str, float] | None:
        """Return how much of reaching this decision rests on each seat; None for too many seats.

        The decision is reached where the position is the same and the authority no lower. A seat
        that joins in reaches it or loses it; its share is the mean of that over all orders in
        which the seats can join in.

        Source: Shapley 1953, "A value for n-person games".
        """
        paths = self.paths
        if len(paths) > SEATS_SHARED:
            return None
        whole = self.decide()
        reached = {
            group: _reaches(self.decide(Change(without=_others(paths, group))), whole)
            for size in range(len(paths) + 1)
            for group in combinations(paths, size)
        }
        shares = dict.fromkeys(paths, 0.0)
        for group, holds in reached.items():
            for path in _others(paths, group):
                joined = tuple(p for p in paths if p == path or p in group)
                orders = factorial(len(group)) * factorial(len(paths) - len(group) - 1)
                shares[path] += (reached[joined] - holds) * orders / factorial(len(paths))
        return shares

    def _rules(self, change: Change) -> Any:
        rules = self.ensemble.rules
        if change.rule is not None and change.rule not in RULES:
            fix = closest(change.rule, RULES, kind="rule")
            raise UsageError(f"there is no rule {change.rule!r}", where="--rule", fix=fix)
        quorum = rules.quorum if change.quorum is None else change.quorum
        return replace(rules, rule=change.rule or rules.rule, quorum=quorum)

    def _state(self, change: Change) -> dict[str, Any]:
        for path in change.without:
            if path not in self.paths:
                fix = closest(path, self.paths, kind="seat")
                raise UsageError(f"no turn was taken at {path!r}", where="--drop", fix=fix)
        turns = {
            key: turn
            for key, turn in cast("Mapping[str, Document]", self.state["turns"]).items()
            if turn["path"] not in change.without
        }
        evidence = self.evidence_without(*change.without)
        known = self.gates
        for name, to in change.gates.items():
            if name not in known:
                fix = closest(name, known, kind="gate")
                raise UsageError(f"no gate {name!r} was measured", where="--gate", fix=fix)
            for key, item in evidence.items():
                evidence[key] = _gated(item, name, to)
        return {**self.state, "turns": turns, "evidence": evidence}


def rank_of(authority: str) -> int:
    """Return the place of an authority; 0 is the best."""
    return [level.value for level in LEVELS].index(authority)


def _reaches(made: Document, wanted: Document) -> bool:
    return made["decision"]["position"] == wanted["decision"]["position"] and rank_of(
        made["authority"]
    ) <= rank_of(wanted["authority"])


def _others(paths: Iterable[str], group: Collection[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if path not in group)


def _path(asker: str) -> str:
    return TurnKey.read(asker).path


def _gated(evidence: Document, name: str, to: Setting) -> Document:
    gates = [
        _judged(evidence, gate, to) if f"{evidence['name']}/{gate['name']}" == name else gate
        for gate in cast("list[Document]", evidence["gates"])
    ]
    return {**evidence, "gates": gates}


def _judged(evidence: Document, gate: Document, to: Setting) -> Document:
    if isinstance(to, bool):
        return {**gate, "passed": to}
    name, value, tool = gate["name"], gate["value"], TOOLS[evidence["tool"]]
    if name == "claim_holds":
        passed = to <= gate["interval"][1]
    elif value is not None and name in tool.metrics:
        passed = value <= to if name in tool.at_most else value >= to
    else:
        raise UsageError(
            f"no threshold settles the gate {name!r}: {gate.get('detail') or 'not measured'}",
            where="--gate",
            fix=f"say how it came out: `{evidence['name']}/{name}=pass`, or `=fail`",
        )
    return {**gate, "threshold": to, "passed": passed}


def _as_called(
    before: Sequence[_Item], now: Sequence[_Item], same: Callable[[_Item], Hashable]
) -> list[_Item]:
    """Return the items of now by the ids that the answers call them; a new one has a new id."""
    known: defaultdict[Hashable, list[str]] = defaultdict(list)
    for item in before:
        known[same(item)].append(item.id)
    last = {mark: sum(item.id[0] == mark for item in before) for mark in "GFRUV"}
    called: list[_Item] = []
    for item in now:
        if known[same(item)]:
            called.append(replace(item, id=known[same(item)].pop(0)))
        else:
            last[item.id[0]] += 1
            called.append(replace(item, id=f"{item.id[0]}{last[item.id[0]]}"))
    return called


def _finding(finding: Finding) -> Hashable:
    # Which gate it is stands before the colon, against which threshold behind it.
    title = finding.title.partition(":")[0] if finding.kind == "gate" else finding.title
    return finding.kind, finding.by, finding.first, finding.evidence, finding.location, title


def _position(view: View) -> Hashable:
    return view.position
