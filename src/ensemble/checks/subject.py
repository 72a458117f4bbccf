"""What a rule looks at: one agent among those it may name, with the place of everything.

Values are read from the agent's model; places from its document, and only where something is
wrong. Has never heard of rules.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

from ensemble.agents.library import Agent
from ensemble.agents.markdown import Body, lines_of
from ensemble.agents.sections import Line
from ensemble.agents.spec import AgentSpec
from ensemble.checks.words import misspelt
from ensemble.roles import HUMAN
from ensemble.strict_yaml import Place

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_MOST_HEADINGS: Final = 2000
_BEYOND: Final = re.compile(r"[^\x00-\x7f]+")
_HEADING: Final = re.compile(r"(#{1,6}) +(.*?)\s*#*\s*$")
_ITEM: Final = re.compile(r"(?:[-*+]|(\d+)[.)])\s+(.*)$")


@dataclass(frozen=True)
class Seating:
    """A seat that a scenario gives to an agent."""

    agent: str
    role: str
    where: str
    """The scenario's file:line:column, as it is shown."""


@dataclass(frozen=True)
class Heading:
    """A heading outside every fence, and the lines below it up to the next of its level."""

    level: int
    text: str
    line: int
    below: Sequence[Line]


@dataclass(frozen=True)
class Item:
    """A list item: its first line."""

    text: str
    line: int
    column: int
    number: int | None


@dataclass(frozen=True)
class Subject:
    """One agent, those it may name, and the seats that scenarios give it."""

    agent: Agent
    known: Mapping[str, Agent]
    """Every agent that this one can hand over to, by name."""
    seatings: Sequence[Seating] = field(default=())
    nearest: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Names that nobody has, and whom they probably mean: found once for many agents."""

    @property
    def spec(self) -> AgentSpec:
        """The agent's frontmatter as it is understood."""
        return self.agent.spec

    @property
    def body(self) -> Body:
        """The agent's body, cut into its parts."""
        return self.agent.body

    @property
    def own(self) -> bool:
        """Whether the file was written in this project's own form, whose every part is known.

        One that was imported keeps the form that its author gave it.
        """
        return self.agent.dialect == "ensemble" and "imported" not in (self.spec.model_extra or {})

    def meant(self, name: str) -> str | None:
        """Return the agent, or the person, that a name which nobody has was meant to be."""
        if name not in self.nearest:
            self.nearest[name] = misspelt(name, [*self.known, HUMAN])
        return self.nearest[name]

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """The frontmatter as it is written."""
        value = self.agent.document.value
        return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}

    def at(self, *steps: str | int) -> Place:
        """Return the place of a value of the frontmatter, or of its nearest known ancestor."""
        return self.agent.document.place(*steps)

    def at_key(self, *steps: str | int) -> Place:
        """Return the place of a key of the frontmatter; of the value where it has no key."""
        return self.agent.document.key_place(*steps)

    @cached_property
    def rows(self) -> Sequence[str]:
        """The lines of the file, whatever system's line ends and mark they have."""
        plain = self.agent.text.removeprefix("\N{BYTE ORDER MARK}")
        return (_LINE_END.sub("\n", plain) if "\r" in plain else plain).split("\n")

    @cached_property
    def beyond_ascii(self) -> str:
        """All runs of characters beyond ASCII, a space between them."""
        text = self.agent.text.removeprefix("\N{BYTE ORDER MARK}")
        return "" if text.isascii() else f" {' '.join(_BEYOND.findall(text))} "

    @property
    def top(self) -> Place:
        """The place of the body's first line that is not blank."""
        first = self.agent.body_line
        for number, row in enumerate(self.rows[first - 1 :], first):
            if row.strip():
                return (number, 1)
        return (min(first, len(self.rows)), 1)

    def find(self, text: str, *, below: int = 0, anywhere: bool = False) -> Place:
        """Return where `text` first stands in the body, from a line on; its top if nowhere.

        Args:
            text: what to find.
            below: the first line to look at.
            anywhere: whether to look at the frontmatter too.
        """
        first = 1 if anywhere else max(self.agent.body_line, below)
        for number, row in enumerate(self.rows[first - 1 :], first):
            if (column := row.find(text)) >= 0:
                return (number, column + 1)
        return self.top

    @cached_property
    def lines(self) -> Sequence[Line]:
        """The lines of the body, numbered as in the file, fences known."""
        above = self.agent.body_line - 1
        lines = lines_of("\n".join(self.rows[above:]))
        return [line._replace(number=line.number + above) for line in lines]

    @cached_property
    def headings(self) -> Sequence[Heading]:
        """The headings outside every fence, in order; no more than anyone writes."""
        starts: list[tuple[int, int, str]] = []
        for index, line in enumerate(self.lines):
            if line.text.startswith("#") and not line.fenced:
                match = _HEADING.match(line.text)
                if match and len(starts) < _MOST_HEADINGS:
                    starts.append((index, len(match[1]), match[2]))
        found: list[Heading] = []
        for place, (index, level, text) in enumerate(starts):
            later = (start for start, other, _ in starts[place + 1 :] if other <= level)
            end = next(later, len(self.lines))
            below = self.lines[index + 1 : end]
            found.append(Heading(level, text, self.lines[index].number, below))
        return found

    def sections(self, *names: str) -> Iterator[Heading]:
        """Yield the second-level sections whose heading begins with one of `names`."""
        for heading in self.headings:
            if heading.level == 2 and heading.text.lower().startswith(names):  # noqa: PLR2004
                yield heading

    def items(self, *names: str) -> list[Item]:
        """Return the list items of those sections."""
        return [item for heading in self.sections(*names) for item in items_of(heading.below)]


def items_of(lines: Sequence[Line]) -> list[Item]:
    """Return the outermost list items among `lines`, fences left out."""
    return [
        Item(match[2].strip(), line.number, match.start(2) + 1, int(match[1]) if match[1] else None)
        for line in lines
        if not line.fenced and (match := _ITEM.match(line.text))
    ]
