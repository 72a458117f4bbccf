"""What a run amounts to: position, dispositions, claims, and how far to trust them.

Authority is computed by rule from what happened, never asked of a model. The lowest level
that applies wins, and every cause is listed. Losing a seat never raises it, but that a claim
which nobody made cannot be refuted; and the order of seats never changes it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, cast

from ensemble.graph.seating import Ensemble
from ensemble.graph.state import (
    Document,
    Finding,
    Turn,
    evidence_of,
    findings_of,
    is_measured_before,
    latest,
    takes_position,
    turns_of,
)
from ensemble.roles import Authority, Role, TurnStatus

LEVELS: Final = tuple(Authority)
VOTERS: Final = (Role.PANEL_MEMBER, Role.TIEBREAKER)
_NO_POSITION: Final = "no position was reached"


@dataclass(frozen=True)
class Causes:
    """Reasons that lower the authority, by the level they lower it to."""

    found: dict[Authority, list[str]] = field(default_factory=dict[Authority, "list[str]"])

    def add(self, level: Authority, reason: str) -> None:
        """Note one reason."""
        listed = self.found.setdefault(level, [])
        if reason not in listed:
            listed.append(reason)

    @property
    def authority(self) -> Authority:
        """The lowest level with a reason; `decided` where there is none."""
        return next((level for level in reversed(LEVELS) if self.found.get(level)), LEVELS[0])

    @property
    def reasons(self) -> list[str]:
        """Every reason, the gravest level first."""
        return [reason for level in reversed(LEVELS) for reason in self.found.get(level, ())]


def decide(ensemble: Ensemble, state: Mapping[str, Any]) -> Document:
    """Return the decision with its authority, as §8 of a result document has it."""
    every = turns_of(state)
    turns = latest(every)
    findings = findings_of(state)
    evidence = evidence_of(state)
    causes = Causes()
    voters = _voters(ensemble, turns, {turn.path for turn in every if turn.role in VOTERS})
    decider = _decider(ensemble, turns)
    position, answer, seat = _by_rule(ensemble, voters, decider, causes)
    fixed = _fixed_by_gate(ensemble, evidence)
    if fixed:
        position = cast("str", ensemble.rules.on_gate_failed)
    dispositions = _dispositions(findings, answer)
    claims = [_claim(raised, evidence) for raised in answer.get("claims", ())]
    witnesses = _witnesses(voters)
    _weigh_turns(turns, causes)
    _weigh_witnesses(ensemble, witnesses, causes)
    _weigh_findings(findings, dispositions, causes)
    _weigh_claims(claims, causes)
    lost = [item["id"] for item in evidence if is_measured_before(item) and _is_lost(item)]
    if lost:
        causes.add(Authority.DEGRADED, f"what had to be measured first was not: {', '.join(lost)}")
    if position is None and not causes.found.get(Authority.SPLIT):
        causes.add(Authority.VOID, _NO_POSITION)
    return {
        "authority": causes.authority.value,
        "authority_reasons": causes.reasons,
        "witnesses": witnesses,
        "decision": {
            "seat": seat,
            "position": position,
            "fixed_by_rule": fixed,
            "result": answer.get("result"),
            "confidence": _confidence(answer),
            "dispositions": dispositions,
            "minority": _minority(turns, position),
            "claims": claims,
        },
        "findings": [finding.document() for finding in findings],
        "evidence": [
            {name: item[name] for name in ("id", "name", "asked_by", "cached")} for item in evidence
        ],
    }


def _voters(ensemble: Ensemble, turns: Sequence[Turn], panel: Collection[str]) -> list[Turn]:
    """Return the turns that vote: where there was a panel its members, else all with a position.

    A member that took its findings in since, as advisee, votes by its later answer.
    """
    taking = [turn for turn in turns if takes_position(turn.role)]
    if voting := [turn for turn in taking if turn.path in panel]:
        return voting
    decider = ensemble.topology.decider()
    return [turn for turn in taking if turn.seat != decider] or taking


def _decider(ensemble: Ensemble, turns: Sequence[Turn]) -> Turn | None:
    seat = ensemble.topology.decider()
    return next((turn for turn in reversed(turns) if turn.seat == seat), None)


def _by_rule(
    ensemble: Ensemble, voters: Sequence[Turn], decider: Turn | None, causes: Causes
) -> tuple[str | None, Document, str | None]:
    """Return position, the answer it stands in, and the seat that gave it."""
    rules = ensemble.rules
    if rules.rule == "chair" and decider is not None:  # None: no way led to it
        if decider.answer is not None:
            return decider.position, decider.answer, decider.path
        causes.add(Authority.DEGRADED, f"{decider.path} gave no answer; the vote stands in for it")
    position = _vote(ensemble, voters, causes)
    carried = [t for t in voters if t.answer and position is not None and t.position == position]
    spoken = carried[0] if carried else None
    claims = [claim for t in carried for claim in cast("Document", t.answer).get("claims", ())]
    answer = {**(spoken.answer or {}), "dispositions": [], "claims": claims} if spoken else {}
    if decider is not None and decider.answer is not None:
        answer = {**decider.answer, "result": answer.get("result", decider.answer["result"])}
    return position, answer, spoken.path if spoken else None


def _vote(ensemble: Ensemble, voters: Sequence[Turn], causes: Causes) -> str | None:
    """Return the position that wins; abstentions stay in the denominator, ties win nothing."""
    rules = ensemble.rules
    weights: Mapping[str, float] = rules.weights if rules.rule == "weighted" else {}
    tally: dict[str, Fraction] = {}
    for turn in voters:
        if turn.position is not None:
            before = tally.get(turn.position, Fraction())
            tally[turn.position] = before + _weight(weights, turn)
    if not tally:
        causes.add(Authority.VOID, _NO_POSITION)
        return None
    whole = sum(_weight(weights, turn) for turn in voters)
    best, votes = max(tally.items(), key=lambda item: item[1])
    won = votes == whole if rules.rule == "unanimous" else votes > whole / 2
    if not won:
        counts = ", ".join(f"{name} {float(n):g}" for name, n in sorted(tally.items()))
        causes.add(Authority.SPLIT, f"no position has the votes: {counts} of {float(whole):g}")
        return None
    return best


def _weight(weights: Mapping[str, float], turn: Turn) -> Fraction:
    """Return the vote's weight as it is written: in floats 0.1 + 0.2 would outvote 0.3."""
    return Fraction(str(weights.get(turn.path, weights.get(turn.agent, 1.0))))


def _fixed_by_gate(ensemble: Ensemble, evidence: Sequence[Document]) -> str | None:
    if ensemble.rules.on_gate_failed is None:
        return None
    before = [item for item in evidence if is_measured_before(item)]
    failed = [f"{item['name']} not measured ({item['id']})" for item in before if _is_lost(item)]
    failed += [
        f"{gate['name']} ({item['id']})"
        for item in before  # a seat's own thresholds decide nothing by rule
        for gate in cast("list[Document]", item["gates"])
        if gate["passed"] is False
    ]
    return f"on_gate_failed: {', '.join(failed)}" if failed else None


def _is_lost(evidence: Document) -> bool:
    return evidence["status"] != "ok"


def _dispositions(findings: Sequence[Finding], answer: Document) -> list[Document]:
    given = {item["finding"]: item for item in answer.get("dispositions", ())}
    return [
        given.get(finding.id, {"finding": finding.id, "state": "open", "reason": ""})
        for finding in findings
    ]


def _claim(raised: Document, evidence: Sequence[Document]) -> Document:
    """Check a claim against the gate it names: verified, refuted, or unchecked."""
    name, _, gate_name = (raised["evidence"] or "").partition("/")
    gates = [
        gate
        for item in evidence
        if name in (item["id"], item["name"])
        for gate in cast("list[Document]", item["gates"])
        if gate_name in ("", gate["name"]) and gate["passed"] is not None
    ]
    state = "unchecked"
    if gates and (gate_name or len(gates) == 1):
        state = "verified" if gates[0]["passed"] is raised["holds"] else "refuted"
    return {"text": raised["text"], "state": state, "evidence": raised["evidence"]}


def _witnesses(voters: Sequence[Turn]) -> Document:
    """Count who was seated, who answered, and how many different models that were."""
    answered = [turn for turn in voters if turn.answered]
    models = {
        turn.path if (turn.served or "").startswith("manual/") else turn.served for turn in answered
    }
    return {"seated": len(voters), "answered": len(answered), "effective": float(len(models))}


def _weigh_turns(turns: Sequence[Turn], causes: Causes) -> None:
    for turn in turns:
        if turn.status in (TurnStatus.FAILED, TurnStatus.UNPARSED, TurnStatus.REFUSED):
            causes.add(Authority.DEGRADED, f"{turn.path} is lost: {turn.status}")
        if turn.truncated:
            causes.add(Authority.DEGRADED, f"the answer of {turn.path} was cut at its token limit")
    weak = [turn.path for turn in turns if turn.weak]
    if weak:
        causes.add(Authority.ADVISORY, f"the embedded model served {', '.join(weak)}")
    stand_ins = [turn.path for turn in turns if turn.stand_in and not turn.weak]
    if stand_ins:
        causes.add(Authority.ADVISORY, f"a fallback model served {', '.join(stand_ins)}")


def _weigh_witnesses(ensemble: Ensemble, witnesses: Document, causes: Causes) -> None:
    quorum, answered, models = (
        ensemble.rules.quorum,
        witnesses["answered"],
        witnesses["effective"],
    )
    if answered < quorum:
        causes.add(
            Authority.VOID, f"{answered} of {witnesses['seated']} answered, the quorum is {quorum}"
        )
    elif models < quorum:
        told = f"{answered} answers come from {models:g} model, the quorum is {quorum}"
        causes.add(Authority.ADVISORY, told)


def _weigh_findings(
    findings: Sequence[Finding], dispositions: Sequence[Document], causes: Causes
) -> None:
    settled = {
        item["finding"] for item in dispositions if item["state"] in ("accepted", "rejected")
    }
    open_ones = [f.id for f in findings if f.severity == "CRITICAL" and f.id not in settled]
    if open_ones:
        causes.add(Authority.ADVISORY, f"CRITICAL findings are open: {', '.join(open_ones)}")


def _weigh_claims(claims: Sequence[Document], causes: Causes) -> None:
    for claim in claims:
        if claim["state"] == "refuted":
            causes.add(Authority.VOID, f"it rests on a claim that {claim['evidence']} refutes")
    unchecked = sum(claim["state"] == "unchecked" for claim in claims)
    if unchecked:
        causes.add(Authority.ADVISORY, f"{unchecked} claims it rests on are unchecked")


def _confidence(answer: Document) -> Document:
    return {
        "level": answer.get("confidence"),
        "probability": answer.get("probability"),
        "calibrated": False,
    }


def _minority(turns: Sequence[Turn], position: str | None) -> list[Document]:
    return [
        {"seat": turn.path, "position": turn.position, "result": (turn.answer or {})["result"]}
        for turn in turns
        if turn.position is not None and turn.position != position
    ]
