"""Rules on the body's sections, and on what stands in them twice."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from ensemble.agents.markdown import KNOWN
from ensemble.checks.problem import MOST_SIGHTINGS, Edit, Sighting
from ensemble.checks.subject import Heading, Subject, items_of
from ensemble.checks.words import misspelt
from ensemble.strict_yaml import Place

_IDENTITY: Final = ("identity",)
_INSTRUCTIONS: Final = ("instructions",)
_NEVER: Final = ("never", "absolute prohibitions")
_KNOWLEDGE: Final = ("knowledge sources",)
_OUTPUT: Final = ("output",)
_SECTIONS: Final = (_IDENTITY, _INSTRUCTIONS, _NEVER, _KNOWLEDGE, _OUTPUT)
_VOCABULARY: Final = (10, 54)
_PROHIBITIONS: Final = (3, 10)


def missing_section(subject: Subject) -> Iterator[Sighting]:
    """A section that every file of this format has.

    A prompt is made of them: without Identity nobody is named, without Instructions nothing
    is asked, without Never nothing is ruled out, without Output Format the answer has the
    default form, without Knowledge Sources research may fetch nothing.
    """
    nearly = " ".join(meant.lower() for _, meant in _misspelt_headings(subject))
    for names in _SECTIONS:
        if not any(True for _ in subject.sections(*names)) and names[0] not in nearly:
            title = next(title for title in KNOWN if title.lower().startswith(names[0]))
            yield Sighting(
                subject.top,
                f"the body has no section {title}",
                f"add `## {title}`",
            )


def misspelt_section(subject: Subject) -> Iterator[Sighting]:
    """A heading that is nearly one of the format's own.

    What stands below it is told as a section of its own, not as the part that was meant.
    """
    for heading, meant in _misspelt_headings(subject):
        yield Sighting(
            (heading.line, 1),
            f"no section is called {heading.text!r}",
            f"did you mean {meant!r}?",
            (Edit(heading.line, 1, f"## {heading.text}", f"## {meant}"),),
        )


def repeated_section(subject: Subject) -> Iterator[Sighting]:
    """Two sections with the same heading.

    They are read as one, which the author may not have meant.
    """
    first: dict[str, int] = {}
    for heading in subject.headings:
        name = heading.text.lower()
        if heading.level != 2 or not name:  # noqa: PLR2004 - the level of sections
            continue
        if name in first:
            yield Sighting(
                (heading.line, 1),
                f"the section {heading.text} stands in line {first[name]} already",
                "make one section of the two",
            )
        first.setdefault(name, heading.line)


def missing_vocabulary(subject: Subject) -> Iterator[Sighting]:
    """An identity without a vocabulary.

    The terms of the field hold an expert to it.
    """
    for heading in subject.sections(*_IDENTITY):
        if not subject.body.vocabulary:
            yield Sighting(
                (heading.line, 1),
                "the identity has no vocabulary",
                "add a paragraph `**Vocabulary**: term, term, …`",
            )


def vocabulary_size(subject: Subject) -> Iterator[Sighting]:
    """A vocabulary of fewer than 10 or more than 54 terms.

    Too few name no field, too many are noise in every prompt.
    """
    count = len(subject.body.vocabulary)
    least, most = _VOCABULARY
    if count and not least <= count <= most:
        yield Sighting(
            subject.find("**Vocabulary"),
            f"the vocabulary has {count} terms",
            f"keep between {least} and {most}",
        )


def prohibitions_count(subject: Subject) -> Iterator[Sighting]:
    """Fewer than 3 or more than 10 lines under Never.

    One or two rule out too little, and a long list is not kept.
    """
    least, most = _PROHIBITIONS
    for heading in subject.sections(*_NEVER):
        count = len(items_of(heading.below))
        if not least <= count <= most:
            yield Sighting(
                (heading.line, 1),
                f"{heading.text} has {count} lines",
                f"keep between {least} and {most}",
            )


def repeated_line(subject: Subject) -> Iterator[Sighting]:
    """An instruction, prohibition or term that stands in the file twice.

    It costs tokens in every prompt, and one of the two may be a slip.
    """
    body = subject.body
    groups = (
        body.vocabulary,
        body.never,
        (*body.always, *(i for b in body.modes.values() for i in b)),
    )
    for group in groups:
        first: dict[str, str] = {}
        for text in group:
            plain = text.lower().rstrip(".")
            if plain in first:
                yield Sighting(
                    _second_place(subject, first[plain], text),
                    f"{text[:60]!r} stands here a second time",
                    "remove one of the two",
                )
            first.setdefault(plain, text)


def _second_place(subject: Subject, first: str, second: str) -> Place:
    """Return where the second of two texts stands, which may be the very same one."""
    head = second.partition("\n")[0]
    place = subject.find(head)
    if not first.startswith(head):
        return place
    below = subject.find(head, below=place[0] + 1)
    return place if below == subject.top else below


def _misspelt_headings(subject: Subject) -> Iterator[tuple[Heading, str]]:
    by_lower = {title.lower(): title for title in KNOWN}
    for heading in islice(subject.headings, MOST_SIGHTINGS):
        name = heading.text.lower()
        if heading.level != 2 or name.startswith(tuple(by_lower)):  # noqa: PLR2004
            continue
        meant = misspelt(name, by_lower, cutoff=0.8)
        if meant is not None and not any(True for _ in subject.sections(meant)):
            yield heading, by_lower[meant]
