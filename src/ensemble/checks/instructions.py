"""Rules on the instructions: how many, for which modes, how numbered."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from ensemble.checks.problem import Edit, Sighting
from ensemble.checks.subject import Heading, Item, Subject, items_of
from ensemble.checks.words import TIERS, misspelt
from ensemble.roles import CognitiveMode

_INSTRUCTIONS: Final = ("instructions",)
_MODE_BLOCK: Final = re.compile(r"When (\w+)", re.IGNORECASE)
_FREE_WORDS: Final = frozenset({"gating", "reviewing", "asked", "in", "the", "to", "you"})


class _Block(NamedTuple):
    """The numbered items below one heading."""

    for_mode: bool
    items: list[Item]


def instruction_count(subject: Subject) -> Iterator[Sighting]:
    """More or fewer instructions than the file's tier takes.

    focused 5 to 10, expert 15 to 20, phd 25 to 35, over all blocks.
    """
    span = TIERS.get(subject.spec.tier)
    if span is None or "tier" not in subject.spec.model_fields_set:
        return
    for heading in subject.sections(*_INSTRUCTIONS):
        count = len(subject.items(*_INSTRUCTIONS))
        if not span[0] <= count <= span[1]:
            yield Sighting(
                (heading.line, 1),
                f"{count} instructions, and the tier {subject.spec.tier} takes "
                f"{span[0]} to {span[1]}",
                "add or merge instructions, or name another tier",
            )
        return


def missing_always(subject: Subject) -> Iterator[Sighting]:
    """Instructions of which none holds in every mode.

    Modes without a block of their own are then told nothing at all.
    """
    for heading in subject.sections(*_INSTRUCTIONS):
        if not subject.body.always:
            yield Sighting(
                (heading.line, 1),
                "no instruction holds in every mode",
                "add a block `### Always (all modes)`",
            )


def mode_without_instructions(subject: Subject) -> Iterator[Sighting]:
    """A cognitive mode that the file declares, without instructions of its own.

    A turn in it is told only what holds in every mode.
    """
    if not subject.body.modes:
        return
    for name in subject.spec.cognitive_modes.modes:
        if name != CognitiveMode.CONVERGENT and name not in subject.body.modes:
            yield Sighting(
                subject.at_key("cognitive_modes", name),
                f"the mode {name!r} has no instructions",
                f"add a block `### When {name.capitalize()}`",
            )


def instructions_without_mode(subject: Subject) -> Iterator[Sighting]:
    """Instructions for a cognitive mode that the file does not declare.

    No turn is told them, unless a scenario names the mode.
    """
    declared = subject.spec.cognitive_modes.modes
    if not declared:
        return
    for heading in subject.headings:
        match = _MODE_BLOCK.match(heading.text)
        if match is None or heading.level not in (3, 4):
            continue
        word = match[1].lower()
        if word in declared or word in _FREE_WORDS:
            continue
        meant = misspelt(word, declared)
        column = heading.level + 2 + match.start(1)
        edit = Edit(heading.line, column, match[1], meant.capitalize()) if meant else None
        yield Sighting(
            (heading.line, 1),
            f"the file declares no mode {word!r}",
            f"did you mean {meant!r}?" if meant else "declare it in cognitive_modes",
            (edit,) if edit else (),
        )


def broken_numbering(subject: Subject) -> Iterator[Sighting]:
    """Instruction numbers that leave a gap or come twice.

    Both conventions are fine: on through all blocks, or each mode's block starting where the
    first block ended. Anything else is what is left of an edit.
    """
    for heading in subject.sections(*_INSTRUCTIONS):
        wrong = list(_misnumbered(_blocks(heading)))
        if wrong:
            item, number = wrong[0]
            edits = tuple(
                Edit(item.line, 1, f"{item.number}", f"{number}") for item, number in wrong
            )
            yield Sighting(
                (item.line, 1),
                f"instruction {item.number} stands where {number} is due",
                "number the instructions one after another",
                edits,
            )


def _blocks(instructions: Heading) -> list[_Block]:
    blocks = [_Block(for_mode=False, items=[])]
    for line in instructions.below:
        start = line.text[:1]
        if start == "#" and not line.fenced:
            heading = line.text.lstrip("# ")
            blocks.append(_Block(_MODE_BLOCK.match(heading) is not None, []))
        elif start.isdigit():
            blocks[-1].items.extend(items_of([line]))
    return [block for block in blocks if block.items]


def _misnumbered(blocks: list[_Block]) -> Iterator[tuple[Item, int]]:
    """Yield each item with a wrong number, and the right one, by the file's own convention."""
    due, again = 1, 0
    for block in blocks:
        if block.for_mode and not again:
            again = due  # where every mode's block starts, if they restart
        elif block.for_mode and block.items[0].number == again:
            due = again
        for item in block.items:
            if item.number != due:
                yield item, due
            due += 1
