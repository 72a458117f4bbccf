"""Rules on the frontmatter's keys and plain values."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any, Final, cast

from ensemble.agents import keys
from ensemble.agents.spec import AgentSpec
from ensemble.agents.starting import UNWRITTEN
from ensemble.checks.problem import MOST_SIGHTINGS, Edit, Sighting
from ensemble.checks.subject import Subject
from ensemble.checks.words import AUDIT_KEYS, DIMENSIONS, TIERS, WORKING_ROLES, misspelt
from ensemble.strict_yaml import Path

_TOP: Final = (*AgentSpec.model_fields, "default_cognitive_mode")
_INSIDE: Final[Mapping[Path, tuple[str, ...]]] = {
    ("model_selection",): ("priorities", "minimum_tier", "profiles"),
    ("escalation",): (
        "confidence_threshold",
        "escalate_to",
        "triggers",
        "context_to_include",
        "escalation_context",
    ),
    ("audit",): AUDIT_KEYS,
    ("audit", "dimensions"): DIMENSIONS,
    ("audit", "scores"): DIMENSIONS,
    ("cognitive_modes", "*"): ("mindset", "output", "risk", "risk_profile", "risks"),
    ("ensemble_roles", "*"): ("description", "behavior"),
    ("mcp_servers", "*"): ("description", "capabilities", "self_referential", "usage", "config"),
}
_OPEN: Final = frozenset({("mcp_servers", "*"), ("audit", "dimensions"), ("audit", "scores")})
"""Where a key that resembles none of ours is nobody's mistake."""
_SEMVER: Final = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
_PLACEHOLDER: Final = re.compile(r"\{[a-z][a-z0-9 _-]*\}|<[a-z][a-z0-9 _-]*>|\bTODO\b")
_CHOICE: Final = re.compile(r"\w[\w-]*(?: \| \w[\w-]*)+")


def misspelt_key(subject: Subject) -> Iterator[Sighting]:
    """A key that is nearly one of the format's own.

    It is kept, and does nothing: the field that was meant has its default.
    """
    for path, meant in islice(_strangers(subject), MOST_SIGHTINGS):
        if meant is not None:
            yield Sighting(
                subject.at_key(*path),
                f"the key {_dotted(path)!r} does nothing",
                f"did you mean {meant!r}?",
                _renamed(subject, path, meant),
            )


def unknown_key(subject: Subject) -> Iterator[Sighting]:
    """A key that nothing reads.

    It survives loading and writing, for other programs that may know it; no prompt, tool or
    model depends on it.
    """
    for path, meant in islice(_strangers(subject), MOST_SIGHTINGS):
        if meant is None:
            yield Sighting(
                subject.at_key(*path),
                f"nothing reads the key {_dotted(path)!r}",
                "remove it, or keep it for the program that it is for",
            )


def missing_description(subject: Subject) -> Iterator[Sighting]:
    """An agent without a description.

    Lists, casting and other programs choose agents by it.
    """
    if not subject.spec.description.strip():
        yield Sighting(
            subject.at_key("description"),
            "the description is missing",
            "add `description:` with one line that says what the agent does",
        )


def name_differs_from_file(subject: Subject) -> Iterator[Sighting]:
    """A file that is not called what its agent is called.

    Agents are found by name, people look for files.
    """
    stem = PurePath(subject.agent.path).name.split(".")[0]
    if stem != subject.spec.name:
        yield Sighting(
            subject.at("name"),
            f"the agent is called {subject.spec.name!r}, its file {stem!r}",
            f"rename the file to {subject.spec.name}.md",
        )


def missing_version(subject: Subject) -> Iterator[Sighting]:
    """A version that is missing, or is not three numbers.

    Every turn names the version of the agent that took it.
    """
    if "version" not in subject.written:
        yield Sighting(
            subject.at(), "the version is missing", "add `version: 1.0.0` to the frontmatter"
        )
    elif not _SEMVER.fullmatch(subject.spec.version):
        yield Sighting(
            subject.at("version"),
            f"the version {subject.spec.version!r} is not three numbers",
            "write it as 1.0.0",
        )


def unknown_tier(subject: Subject) -> Iterator[Sighting]:
    """A tier that is none of focused, expert and phd.

    Nothing can be said about how many instructions such a file should have.
    """
    tier = subject.spec.tier
    if tier not in TIERS:
        yield _not_one_of(subject, ("tier",), tier, TIERS, kind="tier")


def unknown_working_role(subject: Subject) -> Iterator[Sighting]:
    """A `role` that is none of executor, auditor, advisor, architect and explorer.

    It sets the tool mode where the file names none, and only these are known.
    """
    role = subject.spec.role
    if role is not None and role not in WORKING_ROLES and not _CHOICE.fullmatch(role):
        yield _not_one_of(subject, ("role",), role, WORKING_ROLES, kind="role")


def unfilled_placeholder(subject: Subject) -> Iterator[Sighting]:
    """A template's placeholder, or its list of choices, where a value belongs.

    The file was made from a template and not finished; models would read the placeholder.
    """
    texts = subject.agent.document.texts
    together = "\n".join(texts.values())
    suspect = " | " in together or _PLACEHOLDER.search(together)
    for path, text in texts.items() if suspect else ():
        told = path[0] not in ("audit", "mcp_servers")
        if told and (found := _placeholder(text) or _CHOICE.fullmatch(text)):
            yield _unfilled(subject.at(*path), found[0])
    if found := _placeholder(subject.body.identity):
        yield _unfilled(subject.find(found[0]), found[0])
    for sentence in UNWRITTEN if subject.own else ():
        if sentence in subject.agent.text:
            yield _unfilled(subject.find(sentence, anywhere=True), sentence)


def repeated_entry(subject: Subject) -> Iterator[Sighting]:
    """A list that says the same thing twice.

    The second says nothing, and the first may be a slip for something that is now missing.
    """
    listed: dict[Path, tuple[str, ...]] = {
        ("model_fallbacks",): subject.spec.model_fallbacks,
        ("model_selection", "priorities"): subject.spec.model_selection.priorities,
        ("escalation", "triggers"): subject.spec.escalation.triggers,
        ("proactive_triggers",): subject.spec.proactive_triggers,
    }
    for path, items in listed.items():
        if len(set(items)) == len(items):
            continue
        seen: set[str] = set()
        for index, item in enumerate(items):
            if item in seen:
                yield Sighting(
                    subject.at(*path, index),
                    f"{_dotted(path)} has {item!r} twice",
                    "remove one of the two",
                )
            seen.add(item)


def _placeholder(text: str) -> re.Match[str] | None:
    """Return a text's placeholder; `<example>` with its end somewhere behind is none."""
    found = _PLACEHOLDER.finditer(text)
    return next((each for each in found if f"</{each[0][1:]}" not in text), None)


def _strangers(subject: Subject) -> Iterator[tuple[Path, str | None]]:
    """Yield each key that the format does not know, with the one that was probably meant."""
    written = subject.written
    for key in written:
        if key not in _TOP and key not in keys.OURS:
            yield (key,), None if key in keys.KNOWN_KEYS else misspelt(key, _TOP)
    for pattern, known in _INSIDE.items():
        for path, inner in _maps_at(written, pattern):
            for key in inner:
                if key not in known:
                    meant = misspelt(key, known)
                    if meant is not None or pattern not in _OPEN:
                        yield (*path, key), meant


def _maps_at(value: Any, pattern: Path) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the maps at a path in which `*` stands for any key."""
    if not isinstance(value, dict):
        return
    mapping = cast("Mapping[str, Any]", value)
    if not pattern:
        yield (), mapping
        return
    names = mapping if pattern[0] == "*" else [name for name in pattern[:1] if name in mapping]
    for name in names:
        for path, inner in _maps_at(mapping[str(name)], pattern[1:]):
            yield (str(name), *path), inner


def _renamed(subject: Subject, path: Path, meant: str) -> tuple[Edit, ...]:
    """Return the edit that renames a key, unless the file has the right one too."""
    if path not in subject.agent.document.keys:
        return ()
    if (*path[:-1], meant) in subject.agent.document.keys:
        return ()
    return (Edit(*subject.at_key(*path), str(path[-1]), meant),)


def _not_one_of(
    subject: Subject,
    path: Path,
    word: str,
    known: Mapping[str, Any] | tuple[str, ...],
    *,
    kind: str,
) -> Sighting:
    meant = misspelt(word, known, cutoff=0.6)
    otherwise = f"use one of: {', '.join(known)}"
    return Sighting.unknown(
        subject.at(*path), word, meant, f"no {kind} is called {word!r}", otherwise
    )


def _unfilled(place: tuple[int, int], found: str) -> Sighting:
    return Sighting(place, f"{found!r} is a template's placeholder", "write the value in its place")


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
