"""Markdown cut at its headings: lines that know their number and whether a fence holds them.

The lines are walked once; sections and list items are slices of them. What the headings mean
is not known here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})(.*)$")
_ITEM: Final = re.compile(r"(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$")
_RULER: Final = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
_NESTED: Final = 2
"""Columns that make an item part of the one above."""


class Line(NamedTuple):
    """One line of a body."""

    number: int
    """From 1, within the body."""
    text: str
    fenced: bool
    """Whether it stands in a fenced block, marks included."""


class Piece(NamedTuple):
    """A list item or a paragraph, with all that goes on with it."""

    text: str
    line: int
    number: int | None
    """The number that the author gave the item."""


Lines = Sequence[Line]


def read_lines(text: str, ends_fences: Callable[[str], bool]) -> list[Line]:
    """Return the lines of `text`, each with whether a fence holds it.

    Args:
        text: a Markdown body.
        ends_fences: whether a line, outside any doubt, is a heading: where a fence is never
            closed, the next such line ends it, so that it does not swallow the rest.
    """
    lines, opened = _walk(text, None)
    return lines if opened is None else _walk(text, ends_fences)[0]


def open_fence(text: str) -> int | None:
    """Return the line of the outermost fence that is never closed."""
    return _walk(text, None)[1]


def sections(
    lines: Lines, level: int, *, counts: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, list[Line]]]:
    """Yield (heading, lines below it); what stands before the first heading has none.

    Args:
        lines: what to cut.
        level: how many `#` a heading has.
        counts: whether a heading begins a section; left out, each does.
    """
    mark = "#" * level + " "
    name, below = "", list[Line]()
    for line in lines:
        if not line.fenced and line.text.startswith(mark):
            heading = line.text[level:].strip().rstrip("#").strip()
            if counts is None or counts(heading):
                yield name, below
                name, below = heading, []
                continue
        below.append(line)
    yield name, below


def pieces(lines: Lines) -> list[Piece]:
    """Return list items and paragraphs, each with its continuation, nested items and fences."""
    made = _Pieces()
    for line in lines:
        made.take(line)
    made.close()
    return made.found


class _Pieces:
    """Collects lines into pieces."""

    def __init__(self) -> None:
        self.found: list[Piece] = []
        self._parts: list[str] = []
        self._start = 0
        self._number: int | None = None
        self._in_item = False
        self._gap = False

    def take(self, line: Line) -> None:
        """Add a line to the piece that it goes on with, or begin one."""
        text = line.text
        if not line.fenced and not text.strip():
            self._gap = True
            return
        if line.fenced:
            if not self._parts:
                self._begin("", line.number)
            self._parts.append(f"\n{text}")
        elif _RULER.match(text):
            self.close()
            self._in_item = False
        elif item := _ITEM.match(text):
            if self._in_item and self._parts and len(item[1]) >= _NESTED:
                self._parts.append(f"\n  - {item[3].strip()}")
            else:
                number = int(item[2]) if item[2] else None
                self._begin(item[3].strip(), line.number, number, item=True)
        elif self._parts and (not self._gap or (self._in_item and text[0] in " \t")):
            self._parts.append(f" {text.strip()}")
        else:
            self._begin(text.strip(), line.number)
        self._gap = False

    def close(self) -> None:
        """End the piece that is under way."""
        if text := "".join(self._parts).strip():
            self.found.append(Piece(text, self._start, self._number))
        self._parts = []

    def _begin(
        self, text: str, line: int, number: int | None = None, *, item: bool = False
    ) -> None:
        self.close()
        self._parts = [text]
        self._start, self._number, self._in_item = line, number, item


def paragraphs(lines: Lines, begins: Callable[[str], bool]) -> Iterator[list[Line]]:
    """Yield runs of lines between blank ones; a line that `begins` starts a new one."""
    run: list[Line] = []
    for line in lines:
        if line.fenced or (line.text.strip() and not begins(line.text)):
            run.append(line)
            continue
        if run:
            yield run
        run = [line] if line.text.strip() else []
    if run:
        yield run


def text_of(lines: Lines) -> str:
    """Return the lines as they stand, without blank ones at either end."""
    return "\n".join(line.text for line in lines).strip()


def unfenced(lines: Lines) -> str:
    """Return a fenced template without its outer fence; other text as it stands."""
    rows = text_of(lines).split("\n")
    if len(rows) > 1 and _FENCE.match(rows[0]) and _FENCE.match(rows[-1]):
        rows = rows[1:-1]
    return "\n".join(rows).strip()


def fenced_blocks(lines: Lines, languages: tuple[str, ...]) -> Iterator[str]:
    """Yield the text of each outermost fenced block in one of the languages."""
    block: list[str] | None = None
    mark = ""
    for line in lines:
        match = _FENCE.match(line.text) if line.fenced else None
        if block is None:
            if match and match[2].strip().lower() in languages:
                block, mark = [], match[1]
        elif match and match[1] == mark and not match[2].strip():
            yield "\n".join(block)
            block = None
        else:
            block.append(line.text)


def _walk(text: str, ends_fences: Callable[[str], bool] | None) -> tuple[list[Line], int | None]:
    """Return the lines, and the line of the outermost fence that is still open at the end.

    A fence that names a language opens one inside another: output templates are written so.
    """
    lines: list[Line] = []
    fences: list[str] = []
    first = 0
    for number, row in enumerate(text.split("\n"), 1):
        if fences and ends_fences is not None and ends_fences(row):
            fences.clear()
        before = bool(fences)
        match = _FENCE.match(row) if "```" in row or "~~~" in row else None
        if match:
            mark, language = match[1], match[2].strip()
            if language or not fences:
                first = first if fences else number
                fences.append(mark)
            elif mark in fences:
                while fences.pop() != mark:
                    pass
            elif mark.startswith(fences[-1]):
                fences.pop()
        lines.append(Line(number, row, before or bool(fences)))
    return lines, first if fences else None
