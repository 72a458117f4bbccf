"""What a run amounts to: position, dispositions, claims, and how far to trust them.

Authority is computed by rule from what happened, never asked of a model. The lowest level
that applies wins, and every cause is listed. Losing a seat never raises it, but that a claim
which nobody made cannot be refuted; and the order of seats never changes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ensemble.canonical import canonical
from ensemble.graph.findings import Finding, View, checks_of, findings_of, views_of
from ensemble.graph.ledger import (
    dispositions,
    findings_set_aside,
    flips,
    minority,
    voters_set_aside,
)
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import (
    Document,
    Turn,
    evidence_of,
    is_measured_before,
    latest,
    turns_of,
)
from ensemble.graph.voting import tally, voters_of, weight, winner
from ensemble.graph.witnesses import clones_needed, witnesses_of
from ensemble.roles import HUMAN, Authority, Role, TurnStatus

LEVELS: Final = tuple(Authority)
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
    views = views_of(voters_of(ensemble, turns_of(state)))
    return decide_on(ensemble, state, findings_of(state), views)


def decide_on(
    ensemble: Ensemble,
    state: Mapping[str, Any],
    findings: Sequence[Finding],
    views: Sequence[View],
) -> Document:
    """Return the decision on these findings and views, called what the answers call them."""
    every = turns_of(state)
    turns = latest(every)
    evidence = evidence_of(state)
    causes = Causes()
    voters = voters_of(ensemble, every)
    verdict = _verdict(ensemble, turns, voters, causes)
    position, answer, seat = verdict.position, verdict.answer, verdict.seat
    fixed = _fixed_by_gate(ensemble, evidence)
    if fixed:
        position = cast("str", ensemble.rules.on_gate_failed)
    disposed = dispositions(findings, answer)
    others = minority(turns, views, position, answer)
    claims = [_claim(raised, evidence) for raised in answer.get("claims", ())]
    claims += [item for turn in verdict.carriers for item in _checked(turn, evidence)]
    witnesses = witnesses_of(voters)
    _weigh_turns(every, causes)
    _weigh_witnesses(ensemble, voters, witnesses, causes)
    _weigh_findings(findings, disposed, causes)
    if verdict.decides:
        own = {f.id for f in findings if f.by == seat or f.kind == "unmeasured"}
        answerable = [item for item in disposed if item["finding"] not in own]
        _weigh_silence([*answerable, *others], causes)
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
            "carried_by": [turn.path for turn in verdict.carriers],
            "position": position,
            "fixed_by_rule": fixed,
            "result": answer.get("result"),
            "confidence": _confidence(answer),
            "dispositions": disposed,
            "minority": others,
            "overrides": [
                *findings_set_aside(seat, findings, disposed),
                *voters_set_aside("rule" if fixed else seat, position, voters, others),
            ],
            "claims": claims,
        },
        "findings": [finding.document() for finding in findings],
        "flips": flips(every),
        "evidence": [
            {name: item[name] for name in ("id", "name", "asked_by", "cached")} for item in evidence
        ],
    }


@dataclass(frozen=True)
class _Verdict:
    """What the rules make of the answers, before gates and people."""

    position: str | None = None
    carriers: tuple[Turn, ...] = ()
    """The turns that it rests on; the first speaks for them."""
    decides: bool = False
    """Whether it is a decider's, who had to answer the findings."""
    answer: Document = field(default_factory=dict[str, Any])

    @property
    def seat(self) -> str | None:
        """The path of the turn that speaks for the decision."""
        return self.carriers[0].path if self.carriers else None


def _verdict(
    ensemble: Ensemble, turns: Sequence[Turn], voters: Sequence[Turn], causes: Causes
) -> _Verdict:
    """Return the decider's answer, else the vote's, else that of the tiebreakers' own vote."""
    rules = ensemble.rules
    seat = ensemble.topology.decider()
    decider = next((turn for turn in reversed(turns) if turn.seat == seat), None)
    if rules.rule == "chair" and decider is not None:  # None: no way led to it
        if decider.answer is not None and decider.position is not None:
            return _Verdict(decider.position, (decider,), decides=True, answer=decider.answer)
        if decider.agent == HUMAN:  # nobody stands in for a person
            causes.add(Authority.VOID, f"{decider.path}, a person, gave no answer to go by")
            return _Verdict()
        told = "took no position" if decider.answered else "gave no answer"
        causes.add(Authority.DEGRADED, f"{decider.path} {told}; the vote stands in for it")
    if (position := winner(rules, voters)) is not None:
        _weigh_clones(rules, voters, position, causes)
        carriers = _carriers(voters, position)
        joint = _joint(carriers)
        kept = {name: joint[name] for name in ("result", "claims")}
        return _Verdict(position, carriers, answer={**joint, **_of_decider(decider), **kept})
    breakers = [turn for turn in turns if turn.role == Role.TIEBREAKER]
    if (position := winner(rules, breakers)) is not None:
        _weigh_clones(rules, breakers, position, causes)
        heard = witnesses_of(breakers)
        if heard["effective"] == 1 < heard["answered"]:
            causes.add(Authority.ADVISORY, f"{heard['answered']} tiebreakers are one model")
        carriers = _carriers(breakers, position)
        return _Verdict(position, carriers, answer=_joint(carriers))
    _weigh_lost_vote(rules, voters, causes)
    return _Verdict(answer=_of_decider(decider))


def _carriers(voices: Sequence[Turn], position: str) -> tuple[Turn, ...]:
    """Return the turns that carry a position, in an order that no seat decides."""
    carrying = (turn for turn in voices if turn.answer and turn.position == position)
    return tuple(sorted(carrying, key=lambda turn: (turn.agent, canonical(turn.answer))))


def _joint(carriers: Sequence[Turn]) -> Document:
    """Return the first carrier's answer with the claims of all."""
    answers = [cast("Document", turn.answer) for turn in carriers]
    return {**answers[0], "claims": [claim for answer in answers for claim in answer["claims"]]}


def _of_decider(decider: Turn | None) -> Document:
    """Return the answer of a decider whom the rule does not let decide."""
    return {"dispositions": []} if decider is None else decider.answer or {"dispositions": []}


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


def _weigh_lost_vote(rules: Rules, voters: Sequence[Turn], causes: Causes) -> None:
    votes = tally(rules, voters)
    if not votes:
        causes.add(Authority.VOID, _NO_POSITION)
        return
    whole = sum(weight(rules, turn) for turn in voters)
    counts = ", ".join(f"{name} {float(n):g}" for name, n in sorted(votes.items()))
    causes.add(Authority.SPLIT, f"no position has the votes: {counts} of {float(whole):g}")


def _checked(turn: Turn, evidence: Sequence[Document]) -> list[Document]:
    """Return the checks that a turn names, as the claims that they settle."""
    words = {True: "verified", False: "refuted", None: "unchecked"}
    return [
        {
            "text": check.claim,
            "state": words[measured.holds],
            "evidence": f"{measured.id}/{check.metric}" if measured.id else None,
        }
        for check, measured in checks_of(turn, evidence)
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


def _weigh_witnesses(
    ensemble: Ensemble, voters: Sequence[Turn], witnesses: Document, causes: Causes
) -> None:
    quorum, answered, models = (
        ensemble.rules.quorum,
        witnesses["answered"],
        witnesses["effective"],
    )
    asked = sum(turn.status != TurnStatus.NOT_NEEDED for turn in voters)
    if answered < quorum:
        causes.add(
            Authority.VOID, f"{answered} of {witnesses['seated']} answered, the quorum is {quorum}"
        )
    elif answered == 1 < asked:
        causes.add(Authority.DEGRADED, f"1 of {asked} answered")
    elif models < quorum or models == 1 < answered:
        below = f", the quorum is {quorum}" if models < quorum else ""
        causes.add(Authority.ADVISORY, f"{answered} answers come from {models:g} model{below}")


def _weigh_clones(rules: Rules, voices: Sequence[Turn], position: str, causes: Causes) -> None:
    if clones := clones_needed(rules, voices, position):
        causes.add(Authority.ADVISORY, f"{position} wins only by clones: {', '.join(clones)}")


def _weigh_findings(
    findings: Sequence[Finding], disposed: Sequence[Document], causes: Causes
) -> None:
    settled = {
        item["finding"]
        for item in disposed
        if item["state"] in ("accepted", "fixed")
        or (item["state"] == "rejected" and item["reason"])
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


def _weigh_silence(disposed: Sequence[Document], causes: Causes) -> None:
    """A decider must answer every finding of others and every view that is not its own.

    That figures rest on nothing is told by their looks, and costs nobody any authority.
    """
    named = [str(item.get("finding") or item.get("id")) for item in disposed]
    states = dict(zip(named, disposed, strict=True))
    silent = [name for name, item in states.items() if item["state"] == "open"]
    if silent:
        causes.add(Authority.ADVISORY, f"left without an answer: {', '.join(silent)}")
    bare = [n for n, item in states.items() if item["state"] == "rejected" and not item["reason"]]
    if bare:
        causes.add(Authority.ADVISORY, f"rejected without a reason: {', '.join(bare)}")
