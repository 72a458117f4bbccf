"""A rule, what it sighted, and the problem that is told: code, place, message, fix."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from ensemble.checks.subject import Subject
from ensemble.strict_yaml import Place

Severity = Literal["error", "warning", "note"]

MOST_SIGHTINGS: Final = 200
"""Of one rule in one file: more tell nobody anything more."""
_SEVERITIES: Final[dict[str, Severity]] = {"E": "error", "W": "warning"}


@dataclass(frozen=True)
class Edit:
    """A change inside one line of a file."""

    line: int
    column: int
    """Both from 1."""
    old: str
    """What must stand there; an edit of something else is left out."""
    new: str


@dataclass(frozen=True)
class Sighting:
    """What a rule saw at one place of an agent's file."""

    place: Place
    message: str
    fix: str
    edits: tuple[Edit, ...] = ()
    """What mends it mechanically; empty where a person has to."""
    rewrites: bool = False
    """Whether writing the file out as it was read mends it."""

    @classmethod
    def unknown(
        cls, place: Place, word: str, meant: str | None, message: str, otherwise: str
    ) -> "Sighting":
        """Return what is told of a word that nobody knows.

        Args:
            place: where the word stands.
            word: the word.
            meant: the known one that it probably is; None where none is near.
            message: what is wrong.
            otherwise: the fix where nothing is known to be meant.
        """
        if meant is None:
            return cls(place, message, otherwise)
        return cls(place, message, f"did you mean {meant!r}?", (Edit(*place, word, meant),))


@dataclass(frozen=True)
class Problem:
    """What is wrong in a file, where, and what to do about it."""

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    fix: str
    edits: tuple[Edit, ...] = ()
    rewrites: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        kind = "note " if self.severity == "note" else ""
        return f"{where}: {kind}{self.code} {self.message}\n  fix: {self.fix}"

    @property
    def fixable(self) -> bool:
        """Whether it can be mended mechanically."""
        return bool(self.edits) or self.rewrites


Look = Callable[[Subject], Iterable[Sighting]]
"""Looks at one agent and yields what is wrong with it."""


@dataclass(frozen=True)
class Rule:
    """One check. Its function's docstring is its documentation."""

    code: str
    """Stable: `E` is an error, `W` a warning."""
    look: Look
    fixable: bool = False
    """Whether some of what it sees can be mended mechanically."""
    among: bool = False
    """Whether it looks at other agents or at scenarios too, not at the file alone."""
    own_form: bool = False
    """Whether it is about this project's own form, which no other program's file has."""
    only_informs: bool = False
    """Whether it never fails a check, however strict."""

    @property
    def severity(self) -> Severity:
        """How bad what it sees is."""
        return "note" if self.only_informs else _SEVERITIES[self.code[0]]

    @property
    def about(self) -> str:
        """What it sees, and why that matters."""
        return self.look.__doc__ or ""

    def apply(self, subject: Subject) -> Iterable[Problem]:
        """Yield the problems that the rule sees."""
        if self.own_form and not subject.own:
            return
        for seen in islice(self.look(subject), MOST_SIGHTINGS):
            yield Problem(
                self.code,
                self.severity,
                subject.agent.path,
                *seen.place,
                seen.message,
                seen.fix,
                seen.edits,
                seen.rewrites,
            )
