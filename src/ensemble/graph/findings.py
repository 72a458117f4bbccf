"""The findings ledger: all that was raised, by seats, by gates and by rules, with an id each.

Pure functions of the state. What is done about a finding is the decision's to say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from ensemble.answers.answer import Check
from ensemble.graph.state import Document, Turn, evidence_of, is_measured_before, turns_of


@dataclass(frozen=True)
class Finding:
    """One item that somebody, or a failed gate, raised."""

    id: str
    severity: str
    title: str
    location: str
    by: str
    evidence: str | None = None
    issue: str = ""
    impact: str = ""
    recommendation: str = ""
    kind: str = "audit"
    """audit: a seat raised it; gate: a measurement did; unmeasured: figures without evidence;
    refuted: a check came out against its claim."""
    turn: str | None = None
    """Key of the turn that raised it last; None for a gate."""
    first: str | None = None
    """Key of the turn that raised it first."""
    let_go: bool = False
    """Whether who raised it has looked again, in the same role, and does not raise it any more."""

    def document(self) -> Document:
        """Return the finding as JSON."""
        return {key: item for key, item in asdict(self).items() if key not in ("turn", "first")}


def findings_of(state: Mapping[str, Any]) -> list[Finding]:
    """Return every finding: failed gates first (G1 …), then what the seats raised (F1 …).

    After those, what the rules find in the answers: claims refuted by their own check (R1 …),
    and figures that nothing measured (U1 …).
    """
    evidence = evidence_of(state)
    turns = turns_of(state)
    raised = _raised(turns)
    refuted = [item for turn in turns for item in _refuted(turn, evidence)]
    unmeasured = [_unmeasured(turn) for turn in turns if turn.unmeasured]
    listed = {"G": _by_gates(evidence), "F": raised, "R": refuted, "U": unmeasured}
    return [
        replace(finding, id=f"{mark}{number}")
        for mark, found in listed.items()
        for number, finding in enumerate(found, 1)
    ]


def _raised(turns: Sequence[Turn]) -> list[Finding]:
    """Return what the seats raised; the same place and title from the same seat is one finding."""
    found: dict[tuple[str, str, str, int], Finding] = {}
    looked: dict[tuple[str, str], str] = {}
    for turn in turns:
        if turn.answered:
            looked[turn.path, turn.role] = turn.key
        told: Counter[tuple[str, str]] = Counter()
        for item in (turn.answer or {}).get("findings", ()):
            finding = Finding(id="", by=turn.path, first=turn.key, **item)
            told[about(finding)] += 1
            same = (turn.path, *about(finding), told[about(finding)])
            found[same] = replace(found.get(same, finding), turn=turn.key)
    last = set(looked.values())
    return [replace(finding, let_go=finding.turn not in last) for finding in found.values()]


def about(finding: Finding) -> tuple[str, str]:
    """Return what a finding is told by, whoever raises it: its place and its title."""
    return finding.location.casefold(), finding.title.casefold()


def _by_gates(evidence: Sequence[Document]) -> list[Finding]:
    found: list[Finding] = []
    for item in filter(is_measured_before, evidence):
        if item["status"] != "ok":
            found.append(_not_measured(item))
            continue
        gates = cast("list[Document]", item["gates"])
        found += [_gate_finding(item, gate) for gate in gates if gate["passed"] is not True]
    return found


def _not_measured(evidence: Document) -> Finding:
    return Finding(
        id="",
        severity="CRITICAL",
        title=f"{evidence['name']} was not measured: {evidence['tool']} {evidence['status']}",
        location=str(evidence["spec"].get("dataset") or evidence["name"]),
        by="lab",
        evidence=evidence["id"],
        issue=str(evidence.get("error") or ""),
        kind="gate",
    )


def _gate_finding(evidence: Document, gate: Document) -> Finding:
    failed = gate["passed"] is False
    word = "failed" if failed else "could not be settled"
    return Finding(
        id="",
        severity="CRITICAL" if failed else "WARNING",
        title=f"gate {gate['name']} {word}: {gate['value']} against {gate['threshold']}",
        location=str(evidence["spec"].get("dataset") or evidence["name"]),
        by="lab",
        evidence=evidence["id"],
        issue=str(gate.get("detail") or ""),
        kind="gate",
    )


def _refuted(turn: Turn, evidence: Sequence[Document]) -> list[Finding]:
    return [
        Finding(
            id="",
            severity="HIGH",
            title=f"refuted by its own check: {check.claim}",
            location=f"{measured.id} {check.metric}",
            by=turn.path,
            evidence=measured.id,
            kind="refuted",
            turn=turn.key,
            first=turn.key,
        )
        for check, measured in checks_of(turn, evidence)
        if measured.holds is False
    ]


def _unmeasured(turn: Turn) -> Finding:
    return Finding(
        id="",
        severity="LOW",
        title=f"figures that nothing measured: {', '.join(turn.unmeasured)}",
        location="",  # a place would tell whose answer it is
        by=turn.path,
        kind="unmeasured",
        turn=turn.key,
    )


class Measured(NamedTuple):
    """What became of a check."""

    id: str | None
    """The evidence; None where nothing was measured."""
    holds: bool | None
    """Whether it bears the claim out; None where nobody can say."""


def checks_of(turn: Turn, evidence: Sequence[Document]) -> list[tuple[Check, Measured]]:
    """Return the checks that a turn's answer names, and what became of each."""
    by_id = {item["id"]: item for item in evidence if item["status"] == "ok"}
    found: list[tuple[Check, Measured]] = []
    for raw, name in zip_longest((turn.answer or {}).get("checks", ()), turn.checked):
        check = Check.model_validate(raw)
        values = cast("Document", by_id[name]["value"]) if name in by_id else {}
        found.append((check, Measured(name, check.holds(values.get(check.metric)))))
    return found


@dataclass(frozen=True)
class View:
    """A position that some of the voters take, where they do not all take one."""

    id: str
    position: str
    paths: tuple[str, ...]
    """Who takes it."""


def views_of(turns: Sequence[Turn]) -> list[View]:
    """Return what the voters are divided over (V1 …); nothing where they are of one mind."""
    taken: dict[str, list[str]] = {}
    for turn in turns:
        if turn.position is not None:
            taken.setdefault(turn.position, []).append(turn.path)
    if len(taken) < 2:  # noqa: PLR2004 -- two make a difference
        return []
    return [
        View(f"V{number}", position, tuple(taken[position]))
        for number, position in enumerate(sorted(taken), 1)
    ]
