"""What of the others' work a role is shown, each piece fenced as data.

The first round sees nothing; an auditor sees answers without names, in an order drawn by the
run's seed; only who decides is told who is who.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ensemble.agents.casting import role_default
from ensemble.agents.prompt import fenced
from ensemble.graph.lab_desk import evidence_line
from ensemble.graph.state import (
    Document,
    Finding,
    Turn,
    evidence_of,
    findings_of,
    latest,
    turns_of,
)
from ensemble.roles import Role, Sees

Shuffle = Callable[[Sequence[Any], str], list[Any]]


def seen_by(
    path: str, role: str, state: Mapping[str, Any], *, key: str, shuffled: Shuffle, shared: int
) -> list[str]:
    """Return the later evidence and the others' answers that a turn may see.

    Args:
        path: the seat's path; its own answers are left out of what it audits.
        role: the role it is in.
        state: the graph's state.
        key: the turn's key; with the run's seed it draws the order of anonymous answers.
        shuffled: draws that order.
        shared: how many pieces of evidence the shared part already holds.
    """
    turns = latest(turns_of(state))
    findings = findings_of(state)
    later = [evidence_line(item) for item in evidence_of(state)[shared:]]
    seen = [fenced("\n".join(later), "later evidence")] if later else []
    match role_default(role).sees:
        case Sees.NOTHING:
            return seen
        case Sees.ANSWERS_BLIND:
            others = [turn for turn in turns if turn.path != path and turn.role != Role.AUDITOR]
            seen += _anonymous(shuffled(others, key), _by_turn(turns, findings))
            gates = [finding for finding in findings if finding.by == "lab"]
            return [*seen, *_listed("findings of the lab", gates)]
        case Sees.OWN_AND_FINDINGS:
            own = [turn for turn in turns if turn.path == path]
            about = [finding for finding in findings if finding.by != path]
            return [*seen, *_named(own, findings), *_listed("findings about it", about)]
        case Sees.DISAGREEMENT:
            taken = [turn for turn in turns if turn.position is not None]
            return [*seen, *_anonymous(shuffled(taken, key), {})]
        case Sees.EVERYTHING:
            gates = [finding for finding in findings if finding.by == "lab"]
            return [*seen, *_named(turns, findings), *_listed("findings of the lab", gates)]


def _by_turn(turns: Sequence[Turn], findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Put each finding to the turn that raised it, or to the one that took its place."""
    shown = {turn.key for turn in turns}
    last = {turn.path: turn.key for turn in turns}
    raised: dict[str, list[Finding]] = {}
    for finding in findings:
        key = finding.turn if finding.turn in shown else last.get(finding.by)
        if key is not None:
            raised.setdefault(key, []).append(finding)
    return raised


def _anonymous(turns: Sequence[Turn], findings: Mapping[str, list[Finding]]) -> list[str]:
    return [
        fenced(_answer(turn, findings.get(turn.key, ())), f"answer {number}")
        for number, turn in enumerate((turn for turn in turns if turn.answered), 1)
    ]


def _named(turns: Sequence[Turn], findings: Sequence[Finding]) -> list[str]:
    raised = _by_turn(turns, findings)
    return [
        fenced(
            _answer(turn, raised.get(turn.key, ()), whole=True)
            if turn.answered
            else f"gave no answer: {turn.status}",
            f"{turn.path} {turn.agent} as {turn.role}",
        )
        for turn in turns
    ]


def _answer(turn: Turn, findings: Sequence[Finding], *, whole: bool = False) -> str:
    answer = cast("Document", turn.answer)
    position = answer.get("position")
    lines = [
        f"Position: {position}" if position else "",
        f"Result: {answer['result']}",
        f"Confidence: {answer['confidence']}",
        f"Uncertainty: {'; '.join(answer['uncertainty'])}" if answer["uncertainty"] else "",
        f"Verification: {answer['verification']}" if answer["verification"] else "",
        answer["body"] if whole or not findings else "",
        *(_finding(finding) for finding in findings),
    ]
    return "\n".join(line for line in lines if line)


def _listed(title: str, findings: Sequence[Finding]) -> list[str]:
    return [fenced("\n".join(map(_finding, findings)), title)] if findings else []


def _finding(finding: Finding) -> str:
    about = [finding.location, finding.issue, finding.impact, finding.recommendation]
    evidence = f" [{finding.evidence}]" if finding.evidence else ""
    detail = "; ".join(text for text in about if text)
    return f"{finding.id} [{finding.severity}] {finding.title}{evidence}: {detail}".rstrip(": ")
