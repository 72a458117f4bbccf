"""The body of an agent file, cut into the parts that a prompt is built from.

Headings inside fenced blocks are text: output templates are full of them. A body that has
none of the shared headings is prose, and its whole text says who the agent is. Nothing that
a file says is left out: what has no part of its own is kept under its heading.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from ensemble.agents import sections as md
from ensemble.errors import InvalidFile
from ensemble.roles import HUMAN, CognitiveMode
from ensemble.strict_yaml import read_yaml

_OUTPUTS: Final = ("Output Format", "Output Standards", "Output")
_PARTS: Final = (
    *("Identity", "Instructions", "Never", "Absolute Prohibitions", "Specializations"),
    *("Deep Specializations", "Knowledge Sources", *_OUTPUTS),
)
_TEMPLATES: Final = ("Context Injection Template", "Template Reference")
"""Written for whoever prepares a turn, not for the agent."""
KNOWN: Final = (
    *(*_PARTS, *_TEMPLATES, "Collaboration Patterns", "Core Principles", "Pipeline Integration"),
    *("Priority Conflict Resolution", "Reasoning Framework", "Signals"),
)
"""Headings that files of this format share; others are each file's own."""
_LOWER: Final = {name.lower(): name for name in KNOWN}
_LABELS: Final = ("domain boundaries", "vocabulary")
"""Paragraphs of the identity that have a part of their own."""
_LABEL: Final = re.compile(r"\*\*([^*\n:]+)(?:\*\*\s*:|:\s*\*\*)\s*(.*)$")
_URL: Final = re.compile(r"https?://[^\s)>\]]+")
_MODE_BLOCK: Final = re.compile(r"When (\w+)", re.IGNORECASE)
_OUTPUT_MODE: Final = re.compile(r"(?:For|When) (\w+).*", re.IGNORECASE)
_SEVERITY: Final = re.compile(r"\[([A-Z]{3,12})\]")
_DEFERS: Final = re.compile(
    r"\bdefers? to [`*]*([a-z][\w-]*)|\b(?:and|or|,) to [`*]*(\w+(?:-\w+)+)"
)
_NOBODY: Final = frozenset(
    {
        *("a", "an", "any", "the", "your", "their", "its", "our"),
        *(HUMAN, "others", "people", "whoever"),
    }
)
ALWAYS: Final = "Always"
_SHARED: Final = 2
"""Shared headings that make a body one of this format: prose may have an `Output` too."""


class Instruction(NamedTuple):
    """One instruction; its block and place in it are its identity, its number is not."""

    block: str
    """The heading it stands under: `Always`, `When Critical`, `P0: Inviolable Constraints`."""
    mode: str | None
    """The cognitive mode it is for; None for all."""
    number: int | None
    """The number that the author gave it."""
    text: str
    line: int
    """Within the body, from 1."""


@dataclass(frozen=True)
class Body:
    """An agent's instructions by part; empty where the file has no such part."""

    identity: str = ""
    """Who the agent is: prose, without the two labelled paragraphs below."""
    boundaries: str = ""
    """What it owns, and to whom it defers."""
    defers_to: tuple[str, ...] = ()
    """Agents that its boundaries name."""
    vocabulary: tuple[str, ...] = ()
    """Terms of its field."""
    instructions: tuple[Instruction, ...] = ()
    """What to do, in the file's order."""
    never: tuple[str, ...] = ()
    """Prohibitions."""
    specialisations: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, "tuple[str, ...]"]
    )
    """Heading to what the agent does there."""
    references: tuple[str, ...] = ()
    """Addresses of its knowledge sources."""
    local_sources: tuple[str, ...] = ()
    """Knowledge that lies in files."""
    knowledge: tuple[str, ...] = ()
    """What else is said of its sources."""
    mcp_servers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Servers described in the body."""
    envelope: str = ""
    """The answer's required head, as the file shows it."""
    output: Mapping[str, str] = field(default_factory=dict[str, str])
    """Mode (`audit`, `solution`, `gate`, `critical`) to its template; `*` is for every mode."""
    severities: tuple[str, ...] = ()
    """Severities that its templates use."""
    further: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sections of its own, by heading."""

    @property
    def always(self) -> tuple[str, ...]:
        """Instructions for every mode."""
        return tuple(item.text for item in self.instructions if item.mode is None)

    @property
    def modes(self) -> dict[str, tuple[str, ...]]:
        """Mode to its instructions."""
        modes: dict[str, tuple[str, ...]] = {}
        for item in self.instructions:
            if item.mode is not None:
                modes[item.mode] = (*modes.get(item.mode, ()), item.text)
        return modes


def read_body(text: str) -> Body:
    """Cut an agent's Markdown body into its parts."""
    lines = lines_of(text)
    parts = _parts(lines)
    shared = set(_PARTS) & set(parts)
    if len(shared) < _SHARED and not shared & {"Identity", "Instructions"}:
        return Body(identity=_prose(lines), mcp_servers=_mcp_servers(lines, text))
    identity, labels = _labelled([*_untitled(parts.get("", [])), *parts.get("Identity", [])])
    boundaries = "\n".join(labels["domain boundaries"])
    knowledge = parts.get("Knowledge Sources", [])
    sources = md.text_of(knowledge)
    local, rest = _local_sources(knowledge)
    outputs = _outputs([line for name in _OUTPUTS for line in parts.get(name, [])])
    envelope = outputs.pop("envelope", "")
    never = [*parts.get("Never", []), *parts.get("Absolute Prohibitions", [])]
    return Body(
        identity=identity,
        boundaries=boundaries,
        defers_to=_defers_to(boundaries),
        vocabulary=_vocabulary(labels["vocabulary"]),
        instructions=tuple(_instructions(parts.get("Instructions", []))),
        never=tuple(piece.text for piece in md.pieces(never)),
        specialisations=_specialisations(parts),
        references=tuple(dict.fromkeys(url.rstrip(".,;") for url in _URL.findall(sources))),
        local_sources=local,
        knowledge=tuple(p.text for p in md.pieces(rest) if not _URL.search(p.text)),
        mcp_servers=_mcp_servers(lines, text),
        envelope=envelope,
        output=outputs,
        severities=tuple(dict.fromkeys(_SEVERITY.findall("\n".join(outputs.values())))),
        further=_further(parts),
    )


def lines_of(text: str) -> list[md.Line]:
    """Return a body's lines; a fence that is never closed ends at the next shared heading."""
    return md.read_lines(text, _is_part)


def _part(heading: str) -> str | None:
    """Return the shared heading that this one is, in either case, with or without a suffix."""
    low = heading.lower()
    return next((name for lower, name in _LOWER.items() if low.startswith(lower)), None)


def _is_part(row: str) -> bool:
    return row.startswith("## ") and row[3:].strip().lower() in _LOWER


def _parts(lines: md.Lines) -> dict[str, list[md.Line]]:
    """Return heading to lines; what stands under the same heading twice is one section.

    Inside an output section only a shared heading begins another: others are its templates'.
    """
    parts: dict[str, list[md.Line]] = {}
    last = ""
    for heading, below in md.sections(lines, 2):
        name = _part(heading)
        if name is None and last in _OUTPUTS:
            parts[last] += [md.Line(0, f"## {heading}", fenced=False), *below]
            continue
        last = name or heading
        parts.setdefault(last, []).extend(below)
    return parts


def _untitled(lines: md.Lines) -> list[md.Line]:
    """Return what stands above the first section, without the file's title."""
    return [line for line in lines if line.fenced or not line.text.startswith("# ")]


def _prose(lines: md.Lines) -> str:
    """Return a whole body, without a title that only repeats the agent's name."""
    rows = list(lines)
    while rows and not rows[0].text.strip():
        rows.pop(0)
    if rows and rows[0].text.startswith("# ") and md.text_of(rows[1:]):
        rows.pop(0)
    return md.text_of(rows)


def _instructions(lines: md.Lines) -> Iterable[Instruction]:
    """Yield the instructions with their block and mode, at either heading level."""
    for outer, block in md.sections(lines, 3):
        for inner, part in md.sections(block, 4):
            heading = inner or outer
            match = _MODE_BLOCK.match(inner) or _MODE_BLOCK.match(outer)
            name = ALWAYS if not heading or heading.startswith(ALWAYS) else heading
            for piece in md.pieces(part):
                mode = match[1].lower() if match else None
                yield Instruction(name, mode, piece.number, piece.text, piece.line)


def _labelled(lines: md.Lines) -> tuple[str, dict[str, list[str]]]:
    """Return the prose, and the paragraphs whose label has a part of its own."""
    prose, labels = list[str](), {label: list[str]() for label in _LABELS}
    for paragraph in md.paragraphs(lines, lambda row: _own_part(row) is not None):
        rows = [line.text for line in paragraph]
        name = _own_part(rows[0])
        if name is None:
            prose.append("\n".join(rows).strip())
            continue
        match = _LABEL.match(rows[0].strip())
        labels[name].append("\n".join([match[2] if match else "", *rows[1:]]).strip())
    return "\n\n".join(prose), labels


def _own_part(row: str) -> str | None:
    match = _LABEL.match(row.strip()) if row.lstrip().startswith("**") else None
    name = match[1].strip().lower() if match else ""
    return next((label for label in _LABELS if name.startswith(label)), None)


def _vocabulary(listed: list[str]) -> tuple[str, ...]:
    items = "\n- ".join(listed).split("\n- ")
    rows = ",".join(row.strip().removeprefix("- ").rstrip(",") for row in items)
    return tuple(term for part in rows.split(",") if (term := " ".join(part.split())))


def _defers_to(boundaries: str) -> tuple[str, ...]:
    found = (first or second for first, second in _DEFERS.findall(boundaries))
    return tuple(dict.fromkeys(name for name in found if name not in _NOBODY))


def _specialisations(parts: Mapping[str, md.Lines]) -> dict[str, tuple[str, ...]]:
    lines = [*parts.get("Specializations", []), *parts.get("Deep Specializations", [])]
    return {
        name or "Specializations": tuple(piece.text for piece in found)
        for name, block in md.sections(lines, 3)
        if (found := md.pieces(block)) or name
    }


def _local_sources(lines: md.Lines) -> tuple[tuple[str, ...], list[md.Line]]:
    """Return what stands below `**Local**:` or `### Local Knowledge`, and the other lines.

    Those are without headings, and without fences, which describe servers.
    """
    found: list[str] = []
    others: list[md.Line] = []
    inside = False
    for line in lines:
        row = line.text.strip()
        label = _LABEL.match(row)
        if label or row.startswith("### "):
            inside = (label[1] if label else row[4:]).strip().lower().startswith("local")
            row = label[2] if label else ""
        if inside and row and not line.fenced:
            found.append(row.removeprefix("- ").strip())
        elif not line.fenced:
            others.append(line if row == line.text.strip() else line._replace(text=row))
    return tuple(found), others


def _outputs(lines: md.Lines) -> dict[str, str]:
    """Return mode to template, and the envelope; what is for no mode is for all, under `*`."""
    found: dict[str, list[str]] = {}
    for heading, block in md.sections(lines, 3, counts=_names_output):
        if "envelope" in heading.lower():
            found.setdefault("envelope", []).append(md.unfenced(block))
            continue
        match = _OUTPUT_MODE.match(heading)
        for inner, part in md.sections(block, 4, counts=_names_mode):
            if text := md.unfenced(part):
                key = inner or (match[1] if match else "*")
                key = next(iter(re.findall(r"\w+", key.removeprefix("When "))), "*").lower()
                found.setdefault(key, []).append(text)
    return {key: "\n\n".join(texts) for key, texts in found.items()}


def _names_output(heading: str) -> bool:
    low = heading.lower()
    return "envelope" in low or low.startswith(("for ", "structure by"))


def _names_mode(heading: str) -> bool:
    first = next(iter(re.findall(r"\w+", heading.removeprefix("When ").lower())), "")
    return first in tuple(CognitiveMode)


def _further(parts: Mapping[str, md.Lines]) -> dict[str, str]:
    return {
        heading: text
        for heading, lines in parts.items()
        if heading and heading not in (*_PARTS, *_TEMPLATES) and (text := md.text_of(lines))
    }


def _mcp_servers(lines: md.Lines, text: str) -> dict[str, Any]:
    """Return the servers that fenced blocks describe; the first word on a server counts."""
    servers: dict[str, Any] = {}
    if "mcp_servers:" not in text:
        return servers
    for block in md.fenced_blocks(lines, ("yaml", "yml")):
        try:
            loaded = read_yaml(block, path="body").value
        except InvalidFile:
            continue  # an example, not a description of servers
        described = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
        named = described.get("mcp_servers")
        if isinstance(named, dict):
            servers = {**cast("dict[str, Any]", named), **servers}
    return servers
