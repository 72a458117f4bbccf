"""An agent file read: its text, its frontmatter with places, where its body begins.

Strict first, then mended, and every mend is named. Has never heard of what the fields mean.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, cast

from ensemble.agents.repairs import Repair, Row, is_fence, read_mended, repair
from ensemble.errors import InvalidFile
from ensemble.strict_yaml import MAX_BYTES, MAX_LEVELS, Document, NotYaml, Path

_APPLE_DOUBLE: Final = b"\x00\x05\x16\x07"
_TOML_KEY: Final = re.compile(r"""\s*\[{0,2}\s*["']?([\w-]+)["']?\s*(?:\.[^=\]]*)?[=\]]""")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class AgentFault(InvalidFile):
    """Why an agent file, or one of its fields, was refused; what the codes mean, checks say."""

    def __init__(self, problem: str, *, where: str, fix: str, code: str) -> None:
        super().__init__(problem, where=where, fix=fix)
        self.code = code


@dataclass(frozen=True)
class Source:
    """A file's text in its two parts."""

    document: Document
    """The frontmatter; places are lines and columns of the file."""
    body: str
    body_line: int
    """The line of the file at which the body begins."""
    repairs: tuple[Repair, ...]
    head: str = ""
    """The frontmatter's YAML as it was read, mended where it had to be."""
    repeated: tuple[Path, ...] = ()
    """Keys that stand twice in it."""


def decode(raw: bytes, path: str) -> tuple[str, tuple[Repair, ...]]:
    """Return a file's text, with its byte order mark and line ends as they are.

    Raises:
        AgentFault: it is too large, or no text.
    """
    if len(raw) > MAX_BYTES:
        problem = f"{len(raw):,} bytes are more than the {MAX_BYTES:,} of an agent file"
        fix = "move long texts into files of their own"
        raise AgentFault(problem, where=f"{path}:1:1", fix=fix, code="E006")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16"), (repair("R04", 1, "UTF-16"),)
        except UnicodeDecodeError:
            pass
    if b"\x00" in raw or raw.startswith(_APPLE_DOUBLE):
        fix = "delete it, or save it as UTF-8 text"
        raise AgentFault("is no text", where=f"{path}:1:1", fix=fix, code="E002")
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return raw.decode("cp1252", "replace"), (repair("R04", line, "Windows-1252"),)


def read_source(text: str, path: str) -> Source:
    """Cut an agent file's text in two and read its frontmatter.

    Raises:
        AgentFault: there is no frontmatter, or it cannot be read.
    """
    done: list[Repair] = []
    if text.startswith("\N{BYTE ORDER MARK}"):
        text = text.removeprefix("\N{BYTE ORDER MARK}")
        done.append(repair("R01", 1))
    if "\r" in text:
        done.append(repair("R02", 1))
        text = _LINE_END.sub("\n", text)
    lines = text.split("\n")
    start, end = _fences(lines, path, done)
    rows = [Row(number, line) for number, line in enumerate(lines[start + 1 : end], start + 2)]
    try:
        mended = read_mended(rows, path)
    except NotYaml as error:
        raise _coded(error, "E005") from None
    except InvalidFile as error:
        raise _coded(error, "E006") from None
    body = "\n".join(lines[end + 1 :])
    repairs = (*done, *mended.repairs)
    return Source(mended.document, body, end + 2, repairs, mended.text, mended.repeated)


def read_toml(text: str, path: str) -> Source:
    """Read an agent that is one TOML file; its instructions are its body.

    Raises:
        AgentFault: it is no TOML.
    """
    import tomllib

    plain = text.removeprefix("\N{BYTE ORDER MARK}")
    done = (repair("R01", 1),) if plain != text else ()
    try:
        value: dict[str, Any] = tomllib.loads(plain.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problem, where = f"is no TOML: {error}", f"{path}:1:1"
        raise AgentFault(problem, where=where, fix="mend the line", code="E005") from None
    if not _shallow(value):
        problem, where = f"more than {MAX_LEVELS} levels of nesting", f"{path}:1:1"
        raise AgentFault(problem, where=where, fix="nest less deeply", code="E006")
    found = {
        (match[1],): (number, match.start(1) + 1)
        for number, line in enumerate(plain.splitlines(), 1)
        if (match := _TOML_KEY.match(line))
    }
    places = {(): (1, 1), **dict(reversed(list(found.items())))}
    body = value.pop("developer_instructions", "")
    line = places.get(("developer_instructions",), (1, 1))[0]
    document = Document(value, path, places, places, {})
    return Source(document, body if isinstance(body, str) else "", line, done)


def _shallow(value: Any) -> bool:
    """Return whether a value nests no deeper than is read from YAML."""
    level = [value]
    for _ in range(MAX_LEVELS):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return True
    return False


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _fences(lines: list[str], path: str, done: list[Repair]) -> tuple[int, int]:
    """Return the lines of the two fences, from 0."""
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if not is_fence(lines[start]):
        raise AgentFault(
            "has no frontmatter",
            where=f"{path}:1:1",
            fix="begin the file with `---`, then `name:` and the other fields, then `---`",
            code="E003",
        )
    if start:
        done.append(repair("R05", 1, str(start)))
    margin = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
    inside = range(start + 1, len(lines))
    end = next((n for n in inside if is_fence(lines[n]) and _closes(lines[n], margin)), None)
    if end is None:
        fix = "close it with a line `---`"
        where = f"{path}:{start + 1}:1"
        raise AgentFault("the frontmatter never ends", where=where, fix=fix, code="E004")
    odd = [number for number in (start, end) if lines[number].rstrip() != "---"]
    done += [repair("R06", number + 1, repr(lines[number].rstrip())[:40]) for number in odd]
    return start, end


def _closes(fence: str, margin: str) -> bool:
    """Return whether a fence stands at the left edge, or as far from it as the first one."""
    return fence.startswith(("-", f"{margin}-"))


def _coded(error: InvalidFile, code: str) -> AgentFault:
    return AgentFault(error.problem, where=error.where, fix=error.fix, code=code)
