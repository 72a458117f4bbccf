"""What of the others' work a role is shown, each piece fenced as data.

The first round sees nothing; an auditor sees answers without names, in an order drawn by the
run's seed; only who decides is told who is who.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ensemble.agents.casting import role_default
from ensemble.agents.prompt import fenced
from ensemble.graph.findings import Finding, View, findings_of
from ensemble.graph.lab_desk import evidence_line
from ensemble.graph.state import Document, Turn, evidence_of, latest, turns_of
from ensemble.models.provider import is_by_hand
from ensemble.models.registry import model_behind
from ensemble.roles import Role, Sees

Shuffle = Callable[[Sequence[Any], str], list[Any]]


def seen_by(
    path: str,
    role: str,
    state: Mapping[str, Any],
    *,
    key: str,
    shuffled: Shuffle,
    shared: int,
    own_models: Sequence[str] = (),
    views: Sequence[View] = (),
) -> list[str]:
    """Return the later evidence and the others' answers that a turn may see.

    Args:
        path: the seat's path; its own answers are left out of what it audits.
        role: the role it is in.
        state: the graph's state.
        key: the turn's key; with the run's seed it draws the order of anonymous answers.
        shuffled: draws that order.
        shared: how many pieces of evidence the shared part already holds.
        own_models: those that may be asked in this turn, as `provider/model`, the first first.
        views: what the voters are divided over, for whom has to dispose of it.
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
            judged = _recused(others, own_models)
            seen += _anonymous(shuffled(judged, key), _by_turn(turns, findings))
            return [*seen, *_listed("findings of the lab", _of_lab(findings))]
        case Sees.OWN_AND_FINDINGS:
            own = [turn for turn in turns if turn.path == path]
            about = [finding for finding in findings if finding.by != path]
            return [*seen, *_named(own, findings), *_listed("findings about it", about)]
        case Sees.DISAGREEMENT:
            taken = [turn for turn in turns if turn.position is not None]
            return [*seen, *_anonymous(shuffled(taken, key), {})]
        case Sees.EVERYTHING:
            divided = [_view(view) for view in views]
            seen += [*_named(turns, findings), *_listed("findings of the lab", _of_lab(findings))]
            return [*seen, fenced("\n".join(divided), "views to dispose of")] if divided else seen


def question_for(path: str, role: str, task: str, seen: Sequence[str]) -> str:
    """Return what a person in a seat is asked: the task, and what the role may see.

    Args:
        path: the seat's path.
        role: the role it is in.
        task: what is to be decided.
        seen: as `seen_by` returns it; fences are for models and become headings.
    """
    return "\n\n".join([f"{path} as {role}: {task.strip()}", *map(_unfenced, seen)])


def _unfenced(piece: str) -> str:
    head, *lines = piece.split("\n")
    name = head.strip("<>").split(" ", 2)[-1]
    return "\n".join([f"{name}:", *lines[:-1]])


def _recused(turns: Sequence[Turn], own_models: Sequence[str]) -> list[Turn]:
    """Leave out what the judge's own models answered, where others answered too."""
    models = [model_behind(model) for model in own_models if not is_by_hand(model)]
    for own in (set(models), set(models[:1])):
        by_others = [turn for turn in turns if model_behind(turn.served or "") not in own]
        if any(turn.answered for turn in by_others):
            return by_others
    return [*turns]


def _of_lab(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.by == "lab"]


def _view(view: View) -> str:
    return f"{view.id}: {view.position}, taken by {', '.join(view.paths)}"


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
    gone = " (not raised again)" if finding.let_go else ""
    told = f"{finding.id} [{finding.severity}]{gone} {finding.title}{evidence}: {detail}"
    return told.rstrip(": ")
