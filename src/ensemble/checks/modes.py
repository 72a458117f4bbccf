"""Rules on tool modes, cognitive modes and roles."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, cast

from ensemble.agents.casting import role_default
from ensemble.agents.conversion import bare
from ensemble.checks.problem import MOST_SIGHTINGS, Edit, Sighting
from ensemble.checks.subject import Subject
from ensemble.checks.words import TOOLS, WEB, WRITERS, is_tool, misspelt
from ensemble.roles import ROLE_DEFAULTS, CognitiveMode, ToolMode
from ensemble.strict_yaml import Path

_DEFAULT_KEY: Final = "default"
_WRITING: Final = r"(?:write|edit|modify|change|alter|touch|create|overwrite)"
_FILES: Final = r"(?:any |the |a |your |its )?(?:files?|code|source(?: code)?|sources|anything)"
_RUNNING: Final = r"(?:run|execute|start|launch|invoke)"
_COMMANDS: Final = (
    r"(?:any |the |a )?(?:(?:shell |bash )?commands?|shell|bash|code|scripts?|programs?)"
)
_BROWSING: Final = r"(?:browse|search|access|use|reach|fetch from|fetch|query)"
_WEB: Final = r"(?:the )?(?:web|internet|network|urls?|web pages?)"
_END: Final = r"\s*(?:$|[.;,!—]|\band\b|\bor\b)"
_NOT: Final = re.compile(r"\b(?:never|not|don't|cannot|without)\s+([^.;\n]*)")
_ACTS: Final[Mapping[str, frozenset[str]]] = {
    rf"{_WRITING}(?:,? (?:or|and) {_WRITING})* {_FILES}": WRITERS,
    rf"{_RUNNING}(?:,? (?:or|and) {_RUNNING})* {_COMMANDS}": frozenset({"Bash"}),
    rf"{_BROWSING}(?:,? (?:or|and) {_BROWSING})* {_WEB}": WEB,
}
_FORBIDDEN: Final = [(re.compile(rf"{act}{_END}"), tools) for act, tools in _ACTS.items()]
_READS_ONLY: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("read-only", "read only", "only reads", "only read "), WRITERS),
    **dict.fromkeys(("no shell", "no bash"), frozenset({"Bash"})),
}
_NEVER: Final = [(re.compile(rf"{act}\.?$"), tools) for act, tools in _ACTS.items()]
_THINKS: Final[Mapping[str, str]] = {
    CognitiveMode.CRITICAL: ToolMode.AUDIT,
    CognitiveMode.EVALUATIVE: ToolMode.AUDIT,
    CognitiveMode.GENERATIVE: ToolMode.SOLUTION,
    CognitiveMode.INFORMATIVE: ToolMode.RESEARCH,
}
"""The tool mode that goes with a way to think."""


def unknown_tool(subject: Subject) -> Iterator[Sighting]:
    """A tool that no runner has.

    The turn does without it.
    """
    for mode, tools in subject.spec.tools.modes.items():
        for tool in tools:
            plain = bare(tool)
            apart = _several(plain)
            place = _tool_place(subject, mode, tool)
            if apart:
                yield Sighting(
                    place,
                    f"{plain!r} is one tool, of a name that nobody has",
                    f"write {apart}",
                    (Edit(*place, plain, apart),) if _in_text(subject, mode) else (),
                )
            elif not is_tool(plain):
                meant = misspelt(plain, TOOLS, cutoff=0.6) if plain.isalnum() else None
                message = f"no tool is called {plain!r}"
                otherwise = f"use some of: {', '.join(TOOLS)}"
                seen = Sighting.unknown(place, plain, meant, message, otherwise)
                slip = meant is not None and abs(len(meant) - len(plain)) <= 1
                yield seen if slip else replace(seen, edits=())


def unknown_tool_mode(subject: Subject) -> Iterator[Sighting]:
    """A tool mode that is none of audit, solution, research and full.

    No role takes it by itself; only a scenario that names it does.
    """
    yield from _misnamed(subject, ("tools",), subject.spec.tools.modes, ToolMode, "tool mode")


def undefined_tool_mode(subject: Subject) -> Iterator[Sighting]:
    """A `default_mode` for which the file lists no tools.

    A turn in the default mode holds none. Where one list is for all modes, each takes from it.
    """
    tools = subject.spec.tools
    if tools.default_mode is not None and tools.default_mode not in tools.known:
        yield _undefined(subject, ("tools", "default_mode"), tools.default_mode, tools.modes)


def undefined_cognitive_mode(subject: Subject) -> Iterator[Sighting]:
    """A default cognitive mode that the file does not define.

    A turn in it is told nothing of how this agent thinks; one that is none of the five gives
    way to the first that is defined.
    """
    modes = subject.spec.cognitive_modes
    if modes.default is not None and modes.modes and modes.default not in modes.modes:
        own = "default_cognitive_mode" in subject.written
        path: Path = ("default_cognitive_mode",) if own else ("cognitive_modes", "default")
        yield _undefined(subject, path, modes.default, modes.modes)


def unknown_cognitive_mode(subject: Subject) -> Iterator[Sighting]:
    """A cognitive mode that is none of the five.

    No role asks for it; only a scenario that names it does.
    """
    declared = subject.spec.cognitive_modes.modes
    yield from _misnamed(subject, ("cognitive_modes",), declared, CognitiveMode, "cognitive mode")


def wordless_mode(subject: Subject) -> Iterator[Sighting]:
    """A cognitive mode without a mindset or an output.

    A turn in it is told nothing of how this agent thinks then.
    """
    for name, mode in subject.spec.cognitive_modes.modes.items():
        missing = [key for key in ("mindset", "output") if not getattr(mode, key).strip()]
        if missing:
            yield Sighting(
                subject.at_key("cognitive_modes", name),
                f"the mode {name!r} has no {' and no '.join(missing)}",
                f"add `{missing[0]}:` to it",
            )


def undefined_role(subject: Subject) -> Iterator[Sighting]:
    """A default role that the file does not declare.

    The file says nothing of how the agent behaves where nobody seats it otherwise.
    """
    roles = subject.spec.ensemble_roles
    if roles.default is not None and roles.roles and roles.default not in roles.roles:
        yield _undefined(subject, ("ensemble_roles", "default"), roles.default, roles.roles)


def misspelt_role(subject: Subject) -> Iterator[Sighting]:
    """A role that is nearly one of the eight that every agent can take.

    Roles are an open set, so it is one of its own, and no seat gives it.
    """
    for role in islice(subject.spec.ensemble_roles.roles, MOST_SIGHTINGS):
        meant = misspelt(role, ROLE_DEFAULTS, cutoff=0.8)
        if meant is None:
            continue
        place = subject.at_key("ensemble_roles", role)
        seen = Sighting.unknown(place, role, meant, f"no seat gives the role {role!r}", "")
        yield replace(seen, edits=()) if meant in subject.spec.ensemble_roles.roles else seen


def wordless_role(subject: Subject) -> Iterator[Sighting]:
    """A declared role whose text is empty.

    The agent is told what the role means in general, nothing of its own.
    """
    if isinstance(subject.written.get("ensemble_roles"), list):
        return
    for role, word in subject.spec.ensemble_roles.roles.items():
        if not (word.behavior.strip() or word.description.strip()):
            yield Sighting(
                subject.at_key("ensemble_roles", role),
                f"the role {role!r} has no text",
                "say how the agent behaves in it, or remove the role",
            )


def seat_without_words(subject: Subject) -> Iterator[Sighting]:
    """A seat that a scenario gives to the agent, in a role on which its file is silent.

    The agent is told what the role means in general, nothing of its own.
    """
    roles = subject.spec.ensemble_roles.roles
    silent = {seat.role: seat for seat in reversed(subject.seatings) if seat.role not in roles}
    for role, seat in silent.items():
        yield Sighting(
            subject.at_key("ensemble_roles"),
            f"{seat.where} seats it as {role}, and the file has no text for that role",
            f"add `{role}:` to ensemble_roles",
        )


def forbidden_tool(subject: Subject) -> Iterator[Sighting]:
    """A tool in a mode whose text forbids what the tool does.

    The text asks, the list allows: one of the two is wrong, and the list wins.
    """
    never = [
        (f"Never: {text}", acts)
        for text in subject.body.never
        for pattern, acts in _NEVER
        if pattern.match(text.lower())
    ]
    for mode, tools in subject.spec.tools.modes.items():
        told = "\n".join(_texts_on(subject, mode)).lower()
        for said, acts in [*_ruled_out(told), *never]:
            held = [tool for tool in tools if tool in acts]
            if held:
                yield _contradiction(subject, mode, held[0], said)


def audit_that_writes(subject: Subject) -> Iterator[Sighting]:
    """An audit mode that lists a tool which changes files.

    Auditors look; one that mends what it reviews hides what it found.
    """
    for tool in subject.spec.tools.modes.get(ToolMode.AUDIT, ()):
        if tool in WRITERS:
            yield Sighting(
                _tool_place(subject, ToolMode.AUDIT, tool),
                f"the audit mode can change files with {tool}",
                f"take {tool} out of audit; solution is the mode that changes files",
            )


def _several(word: str) -> str:
    """Return tools that some other mark than a comma separates, with commas; else nothing."""
    parts = re.split(r"\s*[;|/\s]\s*", word)
    return ", ".join(parts) if len(parts) > 1 and set(parts) <= set(TOOLS) else ""


def _in_text(subject: Subject, mode: str) -> bool:
    """Return whether a mode's tools are written as one text, with commas."""
    written = subject.written.get("tools")
    modes = cast("dict[str, object]", written) if isinstance(written, dict) else {mode: written}
    return isinstance(modes.get(mode), str)


def _ruled_out(told: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a text rules out: its words, and the tools that do it."""
    for clause in _NOT.finditer(told):
        for pattern, acts in _FORBIDDEN:
            if found := pattern.match(clause[1]):
                yield told[clause.start() : clause.start(1)] + found[0], acts
    for words, acts in _READS_ONLY.items():
        if words in told:
            yield words, acts


def _texts_on(subject: Subject, mode: str) -> Iterator[str]:
    """Yield the file's texts that tell a turn in this tool mode what it may do."""
    spec, body = subject.spec, subject.body
    yield body.boundaries
    for name, thinking in spec.cognitive_modes.modes.items():
        if _THINKS.get(name) == mode:
            yield thinking.mindset
            yield thinking.output
            yield from body.modes.get(name, ())
    for name, word in spec.ensemble_roles.roles.items():
        usual = role_default(name).tool_modes
        if usual and usual[0] == mode:
            yield word.behavior
            yield word.description


def _contradiction(subject: Subject, mode: str, tool: str, said: str) -> Sighting:
    return Sighting(
        _tool_place(subject, mode, tool),
        f"the mode {mode!r} lists {tool}, and the file says {said.strip(' .;,')!r}",
        f"take {tool} out of the mode, or the sentence out of the text",
    )


def _tool_place(subject: Subject, mode: str, tool: str) -> tuple[int, int]:
    """Return where a tool's name stands, in a comma string or a list."""
    written = subject.written.get("tools")
    path: Path = ("tools", mode) if isinstance(written, dict) and mode in written else ("tools",)
    line, column = subject.at(*path)
    for number in range(line, min(line + len(TOOLS), len(subject.rows)) + 1):
        row = subject.rows[number - 1]
        start = column - 1 if number == line else 0
        if found := re.search(rf"(?<![\w-]){re.escape(tool)}(?![\w-])", row[start:]):
            return (number, start + found.start() + 1)
    return (line, column)


def _misnamed(
    subject: Subject, path: Path, names: Mapping[str, object], known: type, kind: str
) -> Iterator[Sighting]:
    words = [str(word) for word in cast("type[CognitiveMode | ToolMode]", known)]
    for name in names:
        if name in words:
            continue
        meant = misspelt(name, words)
        place = subject.at_key(*path, name)
        told = f"no {kind} is called {name!r}"
        seen = Sighting.unknown(place, name, meant, told, f"use some of: {', '.join(words)}")
        yield replace(seen, edits=()) if meant in names else seen


def _undefined(subject: Subject, path: Path, word: str, defined: Mapping[str, object]) -> Sighting:
    meant = misspelt(word, defined, cutoff=0.6)
    told = f"{'.'.join(map(str, path))} is {word!r}, which the file does not define"
    otherwise = f"use one of: {', '.join(defined)}"
    return Sighting.unknown(subject.at(*path), word, meant, told, otherwise)
