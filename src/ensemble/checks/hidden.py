"""Rules on characters that a person does not see and a model reads."""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from ensemble.checks.problem import Edit, Sighting
from ensemble.checks.subject import Subject
from ensemble.strict_yaml import Path

_BIDI: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]+")
_ZERO_WIDTH: Final = re.compile(
    "[\u200c\u200d]{2,}|[\u200b\u2060-\u2064\u206a-\u206f\ufeff\u00ad\u034f\u180e\u115f\u1160\u17b4\u17b5\u3164\uffa0]+"
    # Joiners belong between letters of some scripts and parts of one emoji: not after ASCII.
    "|(?<=[\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\x7f]|$)"
)
_TAGS: Final = re.compile(
    "[\U000e0000-\U000e007f\U000e0100-\U000e01ef]+|[\ufe00-\ufe0f]{2,}"
    # One selector belongs behind a sign of mathematics or of an Asian script.
    "|(?<![\u1000-\u109f\u2200-\u2aff\u2e80-\u9fff\ua840-\ua87f\uaa60-\uaa7f\uf900-\ufaff])"
    "(?<![\U00020000-\U0003ffff])[\ufe00-\ufe0d]"
)


def bidi_text(subject: Subject) -> Iterator[Sighting]:
    """A character that turns the direction of text round.

    What an editor shows is then not what a model reads.
    """
    yield from _seen(subject, _BIDI, "turns the direction of the text round")


def zero_width_text(subject: Subject) -> Iterator[Sighting]:
    """A character without width.

    It splits words for a model, hides from a search, or carries a message of its own.
    """
    yield from _seen(subject, _ZERO_WIDTH, "has no width")


def tag_text(subject: Subject) -> Iterator[Sighting]:
    """Tag characters and variation selectors, which spell out text that nothing shows.

    A model can read them: they are the usual way to hide an instruction.
    """
    yield from _seen(subject, _TAGS, "spells out text that nothing shows")


def _seen(subject: Subject, pattern: re.Pattern[str], why: str) -> Iterator[Sighting]:
    yield from _escaped(subject, pattern, why)
    if not pattern.search(subject.beyond_ascii):
        return
    for number, row in enumerate(subject.rows, 1):
        found = list(pattern.finditer(row))
        if found:
            characters = "".join(run[0] for run in found)
            more = f" and {len(characters) - 1} more" if len(characters) > 1 else ""
            yield Sighting(
                (number, found[0].start() + 1),
                f"a hidden character, U+{ord(characters[0]):04X}{more}, {why}",
                "delete it",
                tuple(Edit(number, run.start() + 1, run[0], "") for run in found),
            )


def _escaped(subject: Subject, pattern: re.Pattern[str], why: str) -> Iterator[Sighting]:
    """See what stands in a value, but not in the file: it was written as an escape."""
    if "\\" not in subject.agent.text:
        return
    told = list(_texts(subject.agent.document.value))
    if subject.agent.path.endswith(".toml"):
        told.append((("developer_instructions",), subject.agent.prose))
    for path, text in told:
        found = pattern.search(text)
        if found and found[0] not in subject.agent.text:
            yield Sighting(
                subject.at_key(*path),
                f"an escape of a hidden character, U+{ord(found[0][0]):04X}, that {why}",
                "delete it",
            )


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each text of a document, keys among them, and where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _texts(inner, (*path, index))
