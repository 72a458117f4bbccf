"""Whether a person has the last word on a decision, and what their word makes of it.

A load-bearing agent's decision, one that its agent's file reserves for people, and one whose
decider hands over to a person stand only once a person has confirmed them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ensemble.graph.person import Question
from ensemble.graph.seating import Ensemble
from ensemble.graph.state import Document, Turn, latest, turns_of
from ensemble.roles import HUMAN, Authority

CONFIRM: Final = "confirm"
REFUSE: Final = "refuse"
KEY: Final = "decision"


def confirmation(ensemble: Ensemble, state: Mapping[str, Any], made: Document) -> Question | None:
    """Return what a person is asked before the decision stands; None where nobody is asked.

    Args:
        ensemble: who is seated.
        state: the graph's state.
        made: the decision, as `decide` made it.
    """
    turns = latest(turns_of(state))
    reasons = list(dict.fromkeys(_reasons(ensemble, turns, made)))
    if not reasons:
        return None
    decision = made["decision"]
    others = [choice for choice in ensemble.choices if choice != decision["position"]]
    told = [
        f"Does the decision {decision['position']!r} of {decision['seat']} stand?",
        *(f"- {reason}" for reason in reasons),
        f"It says: {decision['result']}",
        f"Its authority is {made['authority']}.",
        *(f"- {reason}" for reason in made["authority_reasons"]),
    ]
    return Question(KEY, "\n".join(told), (CONFIRM, REFUSE, *others))


def confirmed(made: Document, said: str) -> Document:
    """Return the decision with a person's word on it.

    Args:
        made: the decision.
        said: `confirm`, `refuse` or another of the choices, then a colon and why.
    """
    word, _, why = (part.strip() for part in said.partition(":"))
    decision = {**made["decision"], "confirmed": {"by": HUMAN, "word": word, "why": why}}
    if word == CONFIRM:
        return {**made, "decision": decision}
    told = f"a person {'refused it' if word == REFUSE else f'decided {word} instead'}"
    reasons = [f"{told}{f': {why}' if why else ''}", *made["authority_reasons"]]
    overridden = {"what": f"the position {decision['position']}", "by": HUMAN, "reason": why}
    decision["overrides"] = [*decision["overrides"], overridden]
    if word == REFUSE:
        decision["position"] = None
        return {
            **made,
            "authority": Authority.VOID.value,
            "authority_reasons": reasons,
            "decision": decision,
        }
    decision["position"] = word
    return {**made, "authority_reasons": reasons, "decision": decision}


def _reasons(ensemble: Ensemble, turns: Sequence[Turn], made: Document) -> Iterator[str]:
    carriers: list[str] = made["decision"]["carried_by"]
    decider = ensemble.topology.decider()
    for member in ensemble.members:
        decides = member.path in carriers or member.seat == decider
        if decides and member.agent.spec.load_bearing:
            yield f"{member.agent.name} is load-bearing: others rely on what it decides"
    for turn in turns:
        escalation = turn.escalation or {}
        for reserved in escalation.get("reserved", ()):
            yield f"{turn.path} ({turn.agent}): {reserved}"
        hands_over = turn.path in carriers and escalation.get("resolved") == HUMAN
        if hands_over and not made["decision"]["fixed_by_rule"]:
            yield f"{turn.path} hands over to a person: {'; '.join(escalation['because'])}"
