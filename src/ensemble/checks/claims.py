"""Rules on what a file says of itself, held against what can be counted again."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, cast

from ensemble.checks.problem import MOST_SIGHTINGS, Sighting
from ensemble.checks.subject import Subject
from ensemble.strict_yaml import Path

_COUNTED: Final = re.compile(r"\b(\d{1,3})((?:\s+[a-z][a-z-]*){1,3})\b", re.IGNORECASE)
_STATES: Final = re.compile(r"^\W*\d|\b(?:has|have|with)\s+\d", re.IGNORECASE)
_LINES: Final = frozenset({"item", "items", "line", "lines", "rule", "rules", "bullet", "bullets"})
_NEVER: Final = re.compile(r"never\b|prohibition", re.IGNORECASE)
_HUNDRED: Final = 100.0


def contradicted_count(subject: Subject) -> Iterator[Sighting]:
    """A number that the file says of itself and that counting again contradicts.

    Sections, instructions, vocabulary terms and lines under Never can be counted; an audit
    note that is wrong about them is out of date, and so may be the grade beside it.
    """
    for path, note in islice(_notes(subject), MOST_SIGHTINGS):
        for found in _COUNTED.finditer(note):
            words = found[2].lower().split()
            ends = range(1, len(words) + 1)
            counts = [(end, _counter(words[:end], note)) for end in ends]
            end, count = next((both for both in counts if both[1] is not None), (0, None))
            if count is None:
                continue
            real, said = count(subject), int(found[1])
            if real != said:
                yield Sighting(
                    _inside(subject, path, found[1]),
                    f"says '{said} {' '.join(words[:end])}', and there are {real}",
                    f"write {real}",
                )


def uncountable_score(subject: Subject) -> Iterator[Sighting]:
    """A score whose rubric is not known.

    It is not recomputable: shown as claimed, never used.
    """
    audit = subject.spec.audit or {}
    for key in ("composite_score", "weighted_score"):
        if key in audit:
            rubric = audit.get("rubric_version")
            of = f"rubric {rubric}" if rubric is not None else "no rubric named"
            yield Sighting(
                subject.at("audit", key),
                f"{key} {audit[key]} is not recomputable ({of}); it is shown as claimed",
                "nothing to do; remove the block if nobody needs it",
            )


def impossible_score(subject: Subject) -> Iterator[Sighting]:
    """A score that no weights can make of the dimensions beside it.

    Whatever the rubric, a weighted mean lies between the lowest and the highest of them.
    """
    audit = subject.spec.audit or {}
    for key, parts in (("composite_score", "dimensions"), ("weighted_score", "scores")):
        score, values = audit.get(key), _numbers(audit.get(parts))
        if not _is_number(score) or not values:
            continue
        lowest, highest = min(values), max(values)
        if not lowest <= float(cast("float", score)) <= highest:
            yield Sighting(
                subject.at("audit", key),
                f"{key} is {score}, and its {parts} are between {lowest:g} and {highest:g}",
                "grade the file again, or remove the block",
            )


def score_out_of_scale(subject: Subject) -> Iterator[Sighting]:
    """A score below 0 or above 100, or a grade beside dimensions of another scale.

    Files are graded on 0 to 10 or on 0 to 100; within one file it is one of the two.
    """
    audit = subject.spec.audit or {}
    for key, parts in (("composite_score", "dimensions"), ("weighted_score", "scores")):
        numbers: dict[tuple[str, ...], Any] = {(key,): audit.get(key)}
        for name, value in _mapping(audit.get(parts)).items():
            numbers[parts, name] = value
        for path, value in numbers.items():
            if value is None:
                continue
            if not _is_number(value) or not 0 <= float(value) <= _HUNDRED:
                yield Sighting(
                    subject.at("audit", *path),
                    f"{'.'.join(map(str, path))} is {value!r}, which is no score from 0 to 100",
                    "write a number from 0 to 100",
                )


def undated_grade(subject: Subject) -> Iterator[Sighting]:
    """A grade whose date is missing or is no date.

    Nobody can tell whether it is of this version of the file.
    """
    audit = subject.spec.audit
    if audit is None:
        return
    if not re.fullmatch(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])", str(audit.get("date"))):
        yield Sighting(
            subject.at("audit", "date") if "date" in audit else subject.at_key("audit"),
            "the grade has no date" if "date" not in audit else f"{audit['date']!r} is no date",
            "write `date:` as year-month-day",
        )


def _terms(subject: Subject) -> int:
    return len(subject.body.vocabulary)


def _instructions(subject: Subject) -> int:
    return len(subject.items("instructions"))


def _prohibitions(subject: Subject) -> int:
    return len(subject.items("never", "absolute prohibitions"))


def _sections(subject: Subject) -> int:
    return sum(heading.level == 2 for heading in subject.headings)  # noqa: PLR2004


def _counter(words: list[str], note: str) -> Callable[[Subject], int] | None:
    """Return how to count what words behind a number name; None where that is not ours."""
    between, noun = " ".join(words[:-1]), words[-1]
    counts: tuple[tuple[bool, Callable[[Subject], int]], ...] = (
        (noun == "vocabulary", _terms),
        (noun in ("term", "terms") and "vocab" in f"{between} {note.lower()}", _terms),
        (noun in ("instruction", "instructions") and not between, _instructions),
        (noun in ("anti-pattern", "anti-patterns", "prohibition", "prohibitions"), _prohibitions),
        (noun in _LINES and _NEVER.search(note) is not None, _prohibitions),
        (noun == "sections" and not between, _sections),
    )
    return next((count for meant, count in counts if meant), None)


def _notes(subject: Subject) -> Iterator[tuple[Path, str]]:
    """Yield the notes that state what there is; others say what to do."""
    audit = subject.spec.audit or {}
    for key in ("notes", "findings"):
        value = audit.get(key)
        if isinstance(value, str):
            notes: dict[Path, Any] = {("audit", key): value}
        else:
            listed = cast("list[Any]", value) if isinstance(value, list) else []
            notes = {("audit", key, index): note for index, note in enumerate(listed)}
        for path, note in notes.items():
            if isinstance(note, str) and _STATES.search(note):
                yield path, note


def _inside(subject: Subject, path: tuple[str | int, ...], text: str) -> tuple[int, int]:
    """Return where a word of a note stands, if on its first line."""
    line, column = subject.at(*path)
    found = re.search(rf"\b{text}\b", subject.rows[line - 1][column - 1 :])
    return (line, column + found.start()) if found else (line, column)


def _numbers(value: Any) -> list[float]:
    return [float(item) for item in _mapping(value).values() if _is_number(item)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
