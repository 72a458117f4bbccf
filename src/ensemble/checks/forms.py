"""Rules on the form of answers: the envelope and the output templates."""

import re
from collections.abc import Iterator
from typing import Final

from ensemble.agents.sections import open_fence
from ensemble.answers.answer import SEVERITY_WORDS
from ensemble.checks.problem import Sighting
from ensemble.checks.subject import Subject
from ensemble.checks.words import misspelt
from ensemble.roles import Severity, ToolMode

_OUTPUT: Final = ("output",)
_ENVELOPE_PARTS: Final = ("Result", "Confidence", "Uncertainty Factors", "Verification")
_SEVERITY: Final = re.compile(r"^#{2,4} \[([^\]{}]+)\]")
_KNOWN_SEVERITIES: Final = frozenset({*Severity, *SEVERITY_WORDS})


def unclosed_fence(subject: Subject) -> Iterator[Sighting]:
    """A fenced block that is never closed.

    The template that it holds runs on into what follows.
    """
    opened = open_fence("\n".join(line.text for line in subject.lines))
    if opened is not None:
        yield Sighting(
            (subject.lines[opened - 1].number, 1),
            "this fence is never closed",
            "close it with a line of the same marks",
        )


def incomplete_envelope(subject: Subject) -> Iterator[Sighting]:
    """An answer's head that lacks one of its four lines.

    Result, Confidence, Uncertainty Factors and Verification are what a panel compares and
    what decides whether an answer escalates.
    """
    envelope = subject.body.envelope
    for heading in subject.sections(*_OUTPUT):
        if not envelope:
            yield Sighting(
                (heading.line, 1),
                "no envelope is shown",
                "add `### Output Envelope (Required)` with its four lines",
            )
        else:
            missing = [part for part in _ENVELOPE_PARTS if f"**{part}" not in envelope]
            if missing:
                yield Sighting(
                    subject.find("Envelope", below=heading.line),
                    f"the envelope has no line {' and none '.join(missing)}",
                    f"add `**{missing[0]}**: …`",
                )
        return


def mode_without_template(subject: Subject) -> Iterator[Sighting]:
    """A tool mode, audit or solution, for which no output template is shown.

    Answers in it have the envelope and no further form.
    """
    if not subject.body.output:
        return
    for mode in (ToolMode.AUDIT, ToolMode.SOLUTION):
        if mode in subject.spec.tools.modes and mode not in subject.body.output:
            yield Sighting(
                next(((h.line, 1) for h in subject.sections(*_OUTPUT)), subject.top),
                f"no template is shown for the mode {str(mode)!r}",
                f"add `### For {mode.capitalize()} Mode` with a fenced template",
            )


def unknown_severity(subject: Subject) -> Iterator[Sighting]:
    """A severity in an output template that no finding can have.

    The finding that a model writes by this template is not understood.
    """
    for line in subject.lines:
        match = _SEVERITY.match(line.text) if line.fenced and line.text[:1] == "#" else None
        if match is None or "|" in match[1] or match[1].upper() in _KNOWN_SEVERITIES:
            continue
        meant = misspelt(match[1].upper(), _KNOWN_SEVERITIES, cutoff=0.6)
        told = f"no finding has the severity {match[1]!r}"
        otherwise = f"use one of: {', '.join(Severity)}"
        place = (line.number, match.start(1) + 1)
        yield Sighting.unknown(place, match[1], meant, told, otherwise)
