"""What became of every finding and every view: dispositions, minority, overrides, flips.

Readings of the answers alone; how far they lower the authority is `decision`'s to say.
"""

from collections.abc import Sequence
from typing import Final

from ensemble.agents.casting import role_default
from ensemble.graph.findings import Finding, View
from ensemble.graph.state import Document, Turn
from ensemble.roles import Sees, Severity

LET_GO: Final = "not raised again by who found it"


def dispositions(findings: Sequence[Finding], answer: Document) -> list[Document]:
    """Return what is done about each finding: as the decider says, else as its finder does.

    One that nobody says anything of is `open`.
    """
    given = _given(answer)
    return [
        given.get(finding.id)
        or {
            "finding": finding.id,
            "state": "fixed" if finding.let_go else "open",
            "reason": LET_GO if finding.let_go else "",
        }
        for finding in findings
    ]


def minority(
    turns: Sequence[Turn], views: Sequence[View], position: str | None, answer: Document
) -> list[Document]:
    """Return who is of another mind than the decision, with what the decider says of that view.

    Args:
        turns: each path's last turn.
        views: what the voters are divided over.
        position: what was decided.
        answer: the answer that it stands in.
    """
    given = _given(answer)
    silence = {"state": "open", "reason": ""}
    of_path = {
        path: {**given.get(view.id, silence), "finding": view.id}
        for view in views
        for path in view.paths
    }
    return [
        {
            "id": of_path.get(turn.path, {}).get("finding"),
            "seat": turn.path,
            "position": turn.position,
            "result": (turn.answer or {})["result"],
            "state": of_path.get(turn.path, {}).get("state"),
            "reason": of_path.get(turn.path, {}).get("reason"),
        }
        for turn in turns
        if turn.position is not None and turn.position != position
    ]


def findings_set_aside(
    by: str | None, findings: Sequence[Finding], disposed: Sequence[Document]
) -> list[Document]:
    """Return the grave findings that the decider rejects."""
    grave = {f.id: f for f in findings if Severity(f.severity).rank <= Severity.HIGH.rank}
    return [
        {
            "what": f"{item['finding']} [{grave[item['finding']].severity}]",
            "by": by,
            "reason": item["reason"],
        }
        for item in disposed
        if item["finding"] in grave and item["state"] == "rejected"
    ]


def voters_set_aside(
    by: str | None, position: str | None, voters: Sequence[Turn], views: Sequence[Document]
) -> list[Document]:
    """Return that most voters took another position than the one that stands."""
    against = sum(turn.position not in (None, position) for turn in voters)
    if position is None or against * 2 <= len(voters):
        return []
    reason = "; ".join(dict.fromkeys(item["reason"] for item in views if item["reason"]))
    return [{"what": f"{against} of {len(voters)} voters", "by": by, "reason": reason}]


def flips(turns: Sequence[Turn]) -> list[Document]:
    """Return each change of position that rests on nothing its seat had not known before."""
    last: dict[str, Turn] = {}
    found: list[Document] = []
    for turn in turns:
        if turn.position is None or role_default(turn.role).sees is Sees.ANSWERS_BLIND:
            continue  # who judges answers has new ones before it
        before = last.get(turn.path)
        last[turn.path] = turn
        if before and before.position != turn.position and set(turn.knew) <= set(before.knew):
            found.append({"seat": turn.path, "from": before.position, "to": turn.position})
    return found


def _given(answer: Document) -> dict[str, Document]:
    return {item["finding"]: item for item in answer.get("dispositions", ())}
