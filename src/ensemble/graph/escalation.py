"""When a turn hands over, and to whom: as its agent's own file states it.

It does where its stated confidence is under the file's threshold, where the answer names one of
the file's triggers, or where a failed gate fires one. Stated confidence is `uncalibrated`: words
stand for numbers in one place, `answers.answer.SURENESS`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

from ensemble.agents.casting import Casting
from ensemble.agents.prompt import escalates
from ensemble.answers.answer import SURENESS
from ensemble.graph.state import Document, Turn
from ensemble.roles import HUMAN

_ABOUT: Final[Mapping[str, str]] = {
    "check_data": r"leak|duplicat|contaminat|data quality|split",
    "check_drift": r"drift|distribution|moved away|shift",
    "check_fairness": r"fair|bias|protected|group",
    "evaluate": r"performance|accuracy|acceptance|required metric|calibrat",
    "train": r"performance|accuracy|acceptance|required metric|converge",
    "benchmark": r"latency|throughput|slow|inference time",
}
"""Lab tool to what a trigger speaks of where a failed gate of that tool fires it."""
_WRONG: Final = r"miss|below|under|fail|fall|drop|exceed|over|beyond|differ|moved|detect|found|more"
"""A trigger that is fired also says that something is wrong, not only what it is about."""


def escalation_of(
    turn: Turn, casting: Casting, evidence: Sequence[Document], seated: Collection[str]
) -> Document | None:
    """Return to whom an answered turn hands over and why; None where it stands by itself.

    The embedded model's words are noise, so that only a gate can make its turn hand over.

    Args:
        turn: the finished turn.
        casting: its agent in its role.
        evidence: what had been measured when it ended.
        seated: names of the agents that hold seats of the run.
    """
    if turn.answer is None or casting.agent.is_person:
        return None
    told = dict(escalates(casting))
    stated = turn.answer["probability"]
    word = turn.answer["confidence"]
    sure = SURENESS[word] if stated is None else stated
    escalation = casting.agent.spec.escalation
    because: list[str] = []
    named = () if turn.weak else cast("Sequence[str]", turn.answer["escalates"])
    if not turn.weak and sure < escalation.confidence_threshold:
        because.append(f"confidence {word}, its file asks for {escalation.confidence_threshold:g}")
    because += [told[mark] for mark in named if mark in told]
    because += _fired(escalation.triggers, evidence)
    if not because:
        return None
    return {
        "by": turn.path,
        "agent": turn.agent,
        "to": escalation.escalate_to,
        "resolved": resolved(escalation.targets, seated),
        "because": list(dict.fromkeys(because)),
        "reserved": [told[mark] for mark in named if mark.startswith("H") and mark in told],
        "confidence": word,
        "threshold": escalation.confidence_threshold,
        "calibration": "uncalibrated",
        "hand_over": [
            *escalation.context_to_include,
            *filter(None, [escalation.escalation_context]),
        ],
    }


def resolved(targets: Sequence[str], seated: Collection[str]) -> str:
    """Return who takes over of those named: the first who is there, else the first; else a person.

    Those are there who are seated, and people always.
    """
    there = (name for name in targets if name == HUMAN or name in seated)
    return next(there, next(iter(targets), HUMAN))


def _fired(triggers: Sequence[str], evidence: Sequence[Document]) -> list[str]:
    """Return each trigger that a failed gate fires, with the gate that does."""
    found: list[str] = []
    for item in evidence:
        about = _ABOUT.get(str(item["tool"]))
        for gate in cast("list[Document]", item["gates"]):
            if gate["passed"] is False and about:
                told = f"gate {gate['name']} ({item['id']}) failed"
                found += [f"{t}: {told}" for t in triggers if _says(about, t) and _says(_WRONG, t)]
    return found


def _says(words: str, trigger: str) -> bool:
    return re.search(words, trigger, re.IGNORECASE) is not None
