"""Rules on what calls for an agent."""

from collections.abc import Iterator
from typing import Final

from ensemble.agents.triggers import Trigger, TriggerKind, classify
from ensemble.checks.problem import Sighting
from ensemble.checks.subject import Subject

_EVERYTHING: Final = frozenset({"**/*", "*.*"})


def dead_trigger(subject: Subject) -> Iterator[Sighting]:
    """A trigger that can match nothing.

    A glob is held against paths relative to the project, with `/` between folders; a keyword
    glob against the words of the task.
    """
    for index, text in enumerate(subject.spec.proactive_triggers):
        why = _why_dead(classify(text))
        if why is not None:
            yield Sighting(
                subject.at("proactive_triggers", index),
                f"the trigger {text!r} can match nothing: {why}",
                "write a file glob (`*.pt`), a file name, or words between stars (`*ml*model*`)",
            )


def sentence_trigger(subject: Subject) -> Iterator[Sighting]:
    """A trigger that is a sentence.

    It is a hint for people who cast a panel; nothing is matched against it.
    """
    for index, text in enumerate(subject.spec.proactive_triggers):
        if classify(text).kind is TriggerKind.SENTENCE:
            yield Sighting(
                subject.at("proactive_triggers", index),
                f"the trigger {text!r} is a sentence, which matches nothing by itself",
                "write its words between stars, e.g. "
                + "".join(f"*{word}" for word in text.lower().split()[:2])
                + "*",
            )


def greedy_trigger(subject: Subject) -> Iterator[Sighting]:
    """A trigger that every file or task meets.

    An agent that is always called for tells nothing.
    """
    for index, text in enumerate(subject.spec.proactive_triggers):
        if text.strip() in _EVERYTHING:
            yield Sighting(
                subject.at("proactive_triggers", index),
                f"the trigger {text!r} matches everything",
                "name the files or words that call for this agent",
            )


def _why_dead(trigger: Trigger) -> str | None:
    """Return why nothing can meet the trigger; None where something can."""
    text = trigger.text
    if text in _EVERYTHING:
        return None
    if not any(letter.isalnum() for letter in text):
        return "it names no word and no file"
    if trigger.kind is not TriggerKind.FILE_GLOB:
        return None
    parts = text.split("/")
    faults = (
        (text.startswith("~"), "paths are relative to the project"),
        ("://" in text, "an address is no path"),
        (".." in parts, "no path goes up out of the project"),
        ("" in parts[1:-1], "no path has two slashes together"),
        ("\\" in text, "folders are separated by /"),
        (any(mark in text for mark in "[]{}|"), "only * and ? stand for other characters"),
    )
    return next((why for found, why in faults if found), None)
