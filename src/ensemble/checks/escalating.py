"""Rules on whom an agent hands over to, and when."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from ensemble.agents.library import Agent
from ensemble.answers.answer import SURENESS
from ensemble.checks.problem import MOST_SIGHTINGS, Sighting
from ensemble.checks.subject import Subject
from ensemble.roles import HUMAN

_AGENT_NAME: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LEVEL_LINE: Final = re.compile(r"\*\*Confidence\*\*\s*:(.*)", re.IGNORECASE)
_NO_PHASE: Final = frozenset({"complete", "none", "start"})


def dangling_escalation(subject: Subject) -> Iterator[Sighting]:
    """An escalation to an agent that is not there.

    A turn that is not sure enough goes to a person instead.
    """
    for name in subject.spec.escalation.targets:
        if name == HUMAN or name in subject.known:
            continue
        meant = subject.meant(name)
        start = subject.at("escalation", "escalate_to")
        row = subject.rows[start[0] - 1] if start[0] <= len(subject.rows) else ""
        place = (start[0], max(row.find(name), start[1] - 1) + 1)
        message = f"escalates to {name!r}, and no agent is called that"
        yield Sighting.unknown(place, name, meant, message, "name an agent that is there, or human")


def cyclic_escalation(subject: Subject) -> Iterator[Sighting]:
    """An escalation that comes back to the agent it started from.

    Nobody in the circle can decide, and no person is ever asked.
    """
    circle = _circle(subject.spec.name, subject.known)
    if circle:
        yield Sighting(
            subject.at("escalation", "escalate_to"),
            f"escalation goes in a circle: {' → '.join(circle)}",
            "let the most senior of them escalate to human",
        )


def unreachable_threshold(subject: Subject) -> Iterator[Sighting]:
    """A threshold that none of the envelope's confidence levels can be below.

    An answer states one of those words, and each stands for a number; where even the lowest
    is at or above the threshold, the agent never escalates.
    """
    threshold = subject.spec.escalation.confidence_threshold
    levels = _levels(subject)
    if 0 < threshold <= min(levels.values(), default=0.0):
        told = ", ".join(f"{word} is {sure}" for word, sure in levels.items())
        yield Sighting(
            subject.at("escalation", "confidence_threshold"),
            f"no answer can be below {threshold}: {told}",
            f"raise it above {min(levels.values())}, or let the envelope offer a lower level",
        )


def hopeless_threshold(subject: Subject) -> Iterator[Sighting]:
    """A threshold that even the highest of the envelope's confidence levels is below.

    Every answer escalates, so the agent decides nothing.
    """
    threshold = subject.spec.escalation.confidence_threshold
    levels = _levels(subject)
    if levels and threshold > max(levels.values()):
        told = ", ".join(f"{word} is {sure}" for word, sure in levels.items())
        yield Sighting(
            subject.at("escalation", "confidence_threshold"),
            f"every answer is below {threshold}: {told}",
            f"lower it to {max(levels.values())} or less",
        )


def missing_escalation(subject: Subject) -> Iterator[Sighting]:
    """A file that says nothing about escalation.

    The defaults hold: below 0.6 a person is asked.
    """
    if "escalation" not in subject.written:
        yield Sighting(
            subject.at(),
            "nothing says when the agent hands over, and to whom",
            "add `escalation:` with `confidence_threshold:` and `escalate_to:`",
        )


def escalates_to_nobody(subject: Subject) -> Iterator[Sighting]:
    """An escalation block without a target.

    A person is asked, which may not be what was meant.
    """
    block = subject.written.get("escalation")
    if isinstance(block, dict) and "escalate_to" not in block:
        yield Sighting(
            subject.at_key("escalation"),
            "escalation names nobody to hand over to",
            "add `escalate_to:` with an agent's name, or human",
        )


def dangling_deferral(subject: Subject) -> Iterator[Sighting]:
    """Domain boundaries that defer to an agent that is not there.

    A hand-over that the prompt names cannot happen.
    """
    for name in islice(subject.body.defers_to, MOST_SIGHTINGS):
        if name in subject.known:
            continue
        meant = subject.meant(name)
        if "-" in name or meant is not None:
            message = f"defers to {name!r}, and no agent is called that"
            yield Sighting.unknown(
                subject.find(name), name, meant, message, "name an agent that is there"
            )


def dangling_phase(subject: Subject) -> Iterator[Sighting]:
    """A previous or next phase that is held by an agent that is not there.

    The pipeline breaks at this agent.
    """
    spec = subject.spec
    for key, name in (("previous_phase", spec.previous_phase), ("next_phase", spec.next_phase)):
        if name is None or name in _NO_PHASE or name in subject.known:
            continue
        if not _AGENT_NAME.fullmatch(name) or name.isdigit():
            continue
        message = f"{key} is {name!r}, and no agent is called that"
        otherwise = "name an agent that is there, or complete"
        yield Sighting.unknown(subject.at(key), name, subject.meant(name), message, otherwise)


def _circle(name: str, known: Mapping[str, Agent]) -> list[str]:
    """Return the way from an agent back to itself by the first who is there; empty if it ends."""
    way = {name: None}
    last = name
    while (agent := known.get(last)) is not None:
        targets = agent.spec.escalation.targets
        following = next((who for who in targets if who == HUMAN or who in known), HUMAN)
        if following == HUMAN:
            return []
        if following == name:
            return [*way, name]
        if following in way:
            return []  # a circle further on, told at those agents
        last = following
        way[last] = None
    return []


def _levels(subject: Subject) -> dict[str, float]:
    """Return the confidence levels that the envelope offers; none where it asks for a number."""
    match = _LEVEL_LINE.search(subject.body.envelope)
    offered = re.findall(r"[a-z]+", match[1].lower()) if match else []
    return {word: SURENESS[word] for word in offered if word in SURENESS}
