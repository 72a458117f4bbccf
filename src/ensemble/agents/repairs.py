"""How a frontmatter that is no YAML is mended: one repair after another, each with a code.

Each repair takes rows and returns rows that say the same in YAML. A row knows its line and
column in the file, so that places stay those of the file whatever was mended. What YAML reads
without help is never touched.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from ensemble.agents.keys import KNOWN_KEYS
from ensemble.errors import InvalidFile
from ensemble.strict_yaml import Document, NotYaml, Path, read_yaml

MEANINGS: Final = {
    "R01": "a byte order mark was passed over",
    "R02": "line ends of another system were read as \\n",
    "R03": "tabs were read as spaces",
    "R04": "bytes that are no UTF-8 were read as another encoding",
    "R05": "blank lines above the frontmatter were passed over",
    "R06": "a fence that is not `---` was read as one",
    "R07": "a tool's own text inside the frontmatter was left out",
    "R08": "an indented frontmatter was moved to the left",
    "R09": "a list that begins on its key's line was moved below it",
    "R10": "a text that needs quotes was read as if it had them",
    "R11": "lines that are no keys were joined to the text above them",
    "R12": "a placeholder of a template was read as text",
    "R13": "a name that cannot be one was made from its text or the file's name",
    "R14": "a choice that its author never made was read as not given",
    "R15": "a key stands twice; the later one counts",
    "R16": "an agent that is served elsewhere was read from its description alone",
}
"""Code to what the repair does."""
WRITTEN_OUT: Final = frozenset(f"R{number:02}" for number in range(1, 12)) - {"R07"}
"""Repairs that can be written out; the others need a person who knows what was meant."""
_MOST_BLOCKS: Final = 200
_SHOWN: Final = 40
_RULER: Final = re.compile(r"# ?[-=]{2}")
_FENCE: Final = re.compile(r"\s*-{3,}\s*")
_KEY: Final = re.compile(r"([A-Za-z][\w.-]*)[ \t]*:(?=\s|$)")
_LIST_ON_KEY: Final = re.compile(r"(\s*)([\w.-]+:)\s+(- .*)")
_VALUE: Final = re.compile(r"(\s*(?:- +)?(?:[\w.-]+:(?= ) *)?)(\S.*)")
_STRAY: Final = re.compile(r"</?\s*(?:antml:|function|invoke|parameter|tool)(?:(?!</).)*")
_TAB: Final = 2
"""Spaces that a tab is read as."""


@dataclass(frozen=True)
class Repair:
    """Something about a file that was mended while it was read."""

    code: str
    """Stable, a key of `MEANINGS`."""
    message: str
    """What was read as what."""
    line: int
    """The line of the file, from 1."""
    field: str = ""
    """The field whose value was understood otherwise than it is written, where it is one."""


class Row(NamedTuple):
    """One line of a frontmatter on its way to the YAML reader."""

    line: int
    """The line of the file, from 1."""
    text: str
    shift: int = 0
    """Columns that the text lost on its left."""
    tabbed: str = ""
    """The line with its tabs, where it has any."""

    def column(self, column: int) -> int:
        """Return the column of the file at which a column of the text stands."""
        wide = max(1, column + self.shift)
        widths = accumulate(_TAB if letter == "\t" else 1 for letter in self.tabbed)
        return next((n for n, end in enumerate(widths, 1) if end >= wide), wide)


Rows = Sequence[Row]


@dataclass(frozen=True)
class Mended:
    """A frontmatter that could be read."""

    document: Document
    repairs: tuple[Repair, ...]
    text: str
    """The YAML that was read in the end."""
    repeated: tuple[Path, ...]
    """Keys that stand twice."""


def is_fence(row: str) -> bool:
    """Return whether a line opens or closes a frontmatter: dashes, three or more."""
    return _FENCE.fullmatch(row) is not None


def repair(code: str, line: int, detail: str = "", field: str = "") -> Repair:
    """Return a repair with its meaning, and what it was in this file."""
    return Repair(code, f"{MEANINGS[code]}{f': {detail}' if detail else ''}", line, field)


def read_mended(rows: Rows, path: str) -> Mended:
    """Read a frontmatter, mended as little as it takes.

    Raises:
        InvalidFile: it uses what is refused; or no repair made YAML of it, and then this is
            the parser's complaint about the file as it stands.
    """
    done: list[Repair] = []
    rows = _moved_left(_without_tabs(rows, done), done)
    try:
        return _read(rows, path, done)
    except NotYaml as error:
        first = error
    for mend in (_without_stray_text, _lists_below_keys, _quoted_and_joined):
        mended = mend(rows, done)
        if mended is None:
            continue
        rows = mended
        try:
            return _read(rows, path, done)
        except NotYaml:
            continue
    raise first


def _read(rows: Rows, path: str, done: list[Repair]) -> Mended:
    """Read the rows; places are those of the file."""
    start = rows[0].line if rows else 2
    repeated: list[Path] = []
    text = "\n".join(row.text for row in rows)
    try:
        document = read_yaml(text, path=path, first_line=start, repeated=repeated)
    except InvalidFile as fault:
        raise _placed(fault, rows, path, start) from None
    if any(row.shift or row.tabbed or row.line != start + n for n, row in enumerate(rows)):

        def place(found: tuple[int, int]) -> tuple[int, int]:
            row = rows[min(found[0] - start, len(rows) - 1)]
            return row.line, row.column(found[1])

        document = replace(
            document,
            marks={step: place(found) for step, found in document.marks.items()},
            keys={step: place(found) for step, found in document.keys.items()},
        )
    twice = [repair("R15", document.keys[step][0], _named(step)) for step in repeated]
    return Mended(document, (*done, *twice), text, tuple(repeated))


def _placed(fault: InvalidFile, rows: Rows, path: str, start: int) -> InvalidFile:
    """Return the fault with its place in the file, not in the mended rows."""
    line, column = (int(part) for part in fault.where.removeprefix(f"{path}:").split(":"))
    row = rows[min(line - start, len(rows) - 1)] if rows else Row(line, "")
    where = f"{path}:{row.line}:{row.column(column)}"
    return type(fault)(fault.problem, where=where, fix=fault.fix)


def _named(step: Path) -> str:
    return ".".join(map(str, step))


def _without_tabs(rows: Rows, done: list[Repair]) -> Rows:
    tabbed = [row for row in rows if "\t" in row.text]
    if not tabbed:
        return rows
    done.append(repair("R03", tabbed[0].line, f"{len(tabbed)} lines"))
    return [
        row._replace(text=row.text.replace("\t", " " * _TAB), tabbed=row.text)
        if "\t" in row.text
        else row
        for row in rows
    ]


def _without_stray_text(rows: Rows, done: list[Repair]) -> Rows | None:
    kept: list[Row] = []
    for row in rows:
        if _STRAY.fullmatch(row.text):
            done.append(repair("R07", row.line, row.text.strip()[:_SHOWN]))
        else:
            kept.append(row)
    return kept if len(kept) != len(rows) else None


def _moved_left(rows: Rows, done: list[Repair]) -> Rows:
    first = next((row.text for row in rows if row.text.strip() and not _is_comment(row)), "")
    indent = len(first) - len(first.lstrip(" "))
    if not indent:
        return rows
    done.append(repair("R08", rows[0].line, f"by {indent} columns"))
    return [_left(row, min(indent, len(row.text) - len(row.text.lstrip(" ")))) for row in rows]


def _is_comment(row: Row) -> bool:
    return row.text.lstrip().startswith("#")


def _left(row: Row, columns: int) -> Row:
    return row._replace(text=row.text[columns:], shift=row.shift + columns)


def _lists_below_keys(rows: Rows, done: list[Repair]) -> Rows | None:
    mended: list[Row] = []
    for row, after in zip(rows, [*rows[1:], Row(0, "")], strict=True):
        match = _LIST_ON_KEY.fullmatch(row.text)
        if match is None:
            mended.append(row)
            continue
        done.append(repair("R09", row.line, match[2].rstrip(":")))
        next_item = len(after.text) - len(after.text.lstrip(" "))
        below = after.text.lstrip(" ").startswith("- ") and next_item > len(match[1])
        indent = next_item if below else len(match[1]) + 2
        mended.append(row._replace(text=f"{match[1]}{match[2]}"))
        moved = row.shift + match.start(3) - indent
        mended.append(row._replace(text=" " * indent + match[3], shift=moved))
    return mended if len(mended) != len(rows) else None


def _quoted_and_joined(rows: Rows, done: list[Repair]) -> Rows | None:
    """Mend each top-level key by itself: quotes first, else all its lines as one text."""
    blocks = list(_blocks(rows))
    if len(blocks) > _MOST_BLOCKS:
        return None
    mended: list[Row] = []
    for block in blocks:
        mended += _mended_block(block, done)
    return mended


def _blocks(rows: Rows) -> Iterator[list[Row]]:
    """Yield runs of lines, each from one known key at the left edge to the next."""
    block: list[Row] = []
    for row in rows:
        match = _KEY.match(row.text)
        if match and match[1] in KNOWN_KEYS and block:
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _mended_block(block: list[Row], done: list[Repair]) -> list[Row]:
    if _is_yaml([row.text for row in block]):
        return block
    if len(block) <= _MOST_BLOCKS:
        quoted = [row._replace(text=_quoted(row.text)) for row in block]
        if _is_yaml([row.text for row in quoted]) and not _spoken(block):
            changed = (old for old, new in zip(block, quoted, strict=True) if old != new)
            done += [repair("R10", row.line, row.text.strip()[:_SHOWN]) for row in changed]
            return quoted
    match = _KEY.match(block[0].text)
    if match is None:
        return block
    lines = [block[0].text[match.end() :], *(row.text for row in block[1:])]
    rulers = [row for row in block[1:] if _RULER.match(row.text)]
    whole = "\n".join(line.strip() for line in lines if not _RULER.match(line)).strip()
    if whole[:1] == '"':
        whole = whole.removeprefix('"').removesuffix('"').replace('\\"', '"')
    whole = whole.replace("\\n", "\n")
    done.append(repair("R11", block[0].line, f"{match[1]}, {len(block)} lines"))
    text = f"{match[1]}: {json.dumps(whole, ensure_ascii=False)}"
    return [block[0]._replace(text=text), *rulers]


def in_quotes(text: str) -> str:
    """Return a text of one line as YAML holds it whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


def _spoken(block: list[Row]) -> bool:
    """Return whether lines at the left edge are what somebody says in an example, not keys."""
    words = (match[1] for row in block[1:] if (match := _KEY.match(row.text)))
    return any(word in ("user", "assistant") or word[0].isupper() for word in words)


def _is_yaml(lines: Sequence[str]) -> bool:
    """Return whether the lines are YAML, be it some that is refused."""
    try:
        read_yaml("\n".join(lines), path="", repeated=[])
    except NotYaml:
        return False
    except InvalidFile:
        return True
    return True


def _quoted(row: str) -> str:
    """Return the line with its value in quotes, where YAML cannot read it without."""
    match = _VALUE.fullmatch(row.rstrip())
    if match is None or row.lstrip().startswith("#"):
        return row
    head, value = match.groups()
    if _KEY.fullmatch(value) or _is_yaml([f"x: {value}"]):
        return row
    return f"{head}{in_quotes(value)}"
