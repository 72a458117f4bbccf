"""The body of an agent file, cut into the parts that a prompt is built from.

Headings inside fenced blocks are text: output templates are full of them. Nothing is
interpreted beyond the headings and labels that agent files share.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ensemble.errors import InvalidFile
from ensemble.strict_yaml import read_yaml

_FENCE: Final = re.compile(r"^\s*(`{3,}|~{3,})(.*)$")
_LABEL: Final = re.compile(r"^\*\*([^*\n:]+)(?:\*\*\s*:|:\s*\*\*)\s*(.*)$")
_ITEM: Final = re.compile(r"^\s*(?:[-*]|\d+[.)])\s+(.*)$")
_URL: Final = re.compile(r"https?://[^\s)>\]]+")
_MODE_BLOCK: Final = re.compile(r"^When (\w+)", re.IGNORECASE)
_OUTPUT_MODE: Final = re.compile(r"^For (.+?) Mode", re.IGNORECASE)


@dataclass(frozen=True)
class Body:
    """An agent's instructions by part; empty where the file has no such part."""

    identity: str = ""
    """Who the agent is: prose, without the two labelled paragraphs below."""
    boundaries: str = ""
    """What it owns, and to whom it defers."""
    vocabulary: tuple[str, ...] = ()
    """Terms of its field."""
    always: tuple[str, ...] = ()
    """Instructions for every mode."""
    modes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    """Cognitive mode to its instructions."""
    never: tuple[str, ...] = ()
    """Prohibitions."""
    specialisations: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, "tuple[str, ...]"]
    )
    """Heading to what the agent does there."""
    references: tuple[str, ...] = ()
    """Addresses of its knowledge sources."""
    mcp_servers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Servers described in the body."""
    envelope: str = ""
    """The answer's required head, as the file shows it."""
    output: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tool mode (`audit`, `solution`) to its output template."""


def read_body(text: str) -> Body:
    """Cut an agent's Markdown body into its parts."""
    sections = _merged(_sections(text, 2))
    identity, labels = _labelled(_find(sections, "Identity"))
    always, modes = _instructions(_find(sections, "Instructions"))
    outputs = dict(_sections(_find(sections, "Output Format", "Output Standards", "Output"), 3))
    knowledge = _find(sections, "Knowledge Sources")
    return Body(
        identity=identity,
        boundaries=labels.get("domain boundaries", ""),
        vocabulary=_vocabulary(labels),
        always=always,
        modes=modes,
        never=tuple(_items(_find(sections, "Never", "Absolute Prohibitions"))),
        specialisations={
            name: tuple(_items(block))
            for name, block in _sections(
                _find(sections, "Specializations", "Deep Specializations"), 3
            )
            if name
        },
        references=tuple(dict.fromkeys(url.rstrip(".,;") for url in _URL.findall(knowledge))),
        mcp_servers=_mcp_servers(knowledge),
        envelope=next(
            (_unfenced(block) for name, block in outputs.items() if "envelope" in name.lower()), ""
        ),
        output={
            match.group(1).lower().split()[0]: _unfenced(block)
            for name, block in outputs.items()
            if (match := _OUTPUT_MODE.match(name))
        },
    )


def _sections(text: str, level: int) -> Iterator[tuple[str, str]]:
    """Yield (heading, text below it); what stands before the first heading has none."""
    mark = "#" * level + " "
    name, lines = "", list[str]()
    for line, fenced in _walk(text):
        if not fenced and line.startswith(mark):
            yield name, "\n".join(lines)
            name, lines = line.removeprefix(mark).strip(), []
        else:
            lines.append(line)
    yield name, "\n".join(lines)


def _merged(sections: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return heading to text; what stands under the same heading twice is one section."""
    merged: dict[str, str] = {}
    for name, text in sections:
        merged[name] = f"{merged[name]}\n{text}" if name in merged else text
    return merged


def _instructions(text: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return the instructions for every mode, and those of each mode, at either heading level."""
    always, modes = list[str](), dict[str, tuple[str, ...]]()
    for name, block in _sections(text, 3):
        for inner, part in _sections(block, 4):
            match = _MODE_BLOCK.match(inner) or _MODE_BLOCK.match(name)
            if match:
                mode = match.group(1).lower()
                modes[mode] = (*modes.get(mode, ()), *_items(part))
            else:
                always += _items(part)
    return tuple(always), modes


def _walk(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it stands in a fenced block, marks included.

    A fence that names a language opens one inside another: output templates are written so.
    """
    fences: list[str] = []
    for line in text.split("\n"):
        before, match = bool(fences), _FENCE.match(line)
        mark, language = match.groups() if match else ("", "")
        if mark and (language.strip() or not fences):
            fences.append(mark)
        elif mark in fences:
            while fences.pop() != mark:
                pass
        elif mark and mark.startswith(fences[-1]):
            fences.pop()
        yield line, before or bool(fences)


def _find(sections: Mapping[str, str], *names: str) -> str:
    for name in names:
        found = [text for heading, text in sections.items() if heading.startswith(name)]
        if found:
            return "\n".join(found)
    return ""


def _labelled(text: str) -> tuple[str, dict[str, str]]:
    """Return the prose, and the paragraphs whose label has a part of its own."""
    prose, labels = list[str](), dict[str, str]()
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        first, *rest = paragraph.strip().split("\n")
        match = _LABEL.match(first)
        name = match.group(1).strip().lower() if match else ""
        if match and name.startswith(("domain boundaries", "vocabulary")):
            labels[name] = "\n".join([match.group(2), *rest]).strip()
        elif first:
            prose.append(paragraph.strip())
    return "\n\n".join(prose), labels


def _vocabulary(labels: Mapping[str, str]) -> tuple[str, ...]:
    listed = next((text for name, text in labels.items() if name.startswith("vocabulary")), "")
    return tuple(term.strip() for term in listed.split(",") if term.strip())


def _items(block: str) -> Iterator[str]:
    """Yield each item of the block's lists, with the indented lines that go on with it."""
    item: list[str] = []
    for line, fenced in _walk(block):
        match = None if fenced else _ITEM.match(line)
        if match:
            if item:
                yield " ".join(item)
            item = [match.group(1).strip()]
        elif item and line.startswith((" ", "\t")) and line.strip() and not fenced:
            item.append(line.strip())
    if item:
        yield " ".join(item)


def _unfenced(block: str) -> str:
    """Return a fenced template without its outer fence; other text as it stands."""
    lines = block.strip().split("\n")
    if lines and _FENCE.match(lines[0]) and _FENCE.match(lines[-1]):
        lines = lines[1:-1]
    return "\n".join(lines).strip()


def _mcp_servers(knowledge: str) -> dict[str, Any]:
    for block in re.findall(r"```ya?ml\n(.*?)```", knowledge, re.DOTALL):
        try:
            loaded = read_yaml(block, path="body").value
        except InvalidFile:
            continue  # an example, not a description of servers
        described = cast("dict[str, Any]", loaded) if isinstance(loaded, dict) else {}
        if isinstance(described.get("mcp_servers"), dict):
            return described["mcp_servers"]
    return {}
