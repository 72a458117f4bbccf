"""Agents checked against every rule: a library in, problems in order of file and line out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any, Final, cast

from ensemble.agents.cache import Cache, key_of
from ensemble.agents.library import Agent, Library
from ensemble.checks.problem import Edit, Problem
from ensemble.checks.rules import RULES
from ensemble.checks.subject import Seating, Subject
from ensemble.errors import EnsembleError

_WHERE: Final = re.compile(r"(?P<file>.*?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?")
_NO_CODE: Final = "E008"


def check_agents(
    library: Library,
    *,
    beside: Mapping[str, Agent] | None = None,
    seatings: Sequence[Seating] = (),
    cached: bool = False,
) -> list[Problem]:
    """Check every agent of a library.

    Args:
        library: what is checked; its faults are problems too.
        beside: further agents that these may name, e.g. the built-in ones.
        seatings: the seats that scenarios give to agents.
        cached: whether to take what was seen in unchanged files from the user's cache folder.
    """
    known = {**(beside or {}), **library.agents}
    seats: dict[str, list[Seating]] = {}
    for seating in seatings:
        seats.setdefault(seating.agent, []).append(seating)
    kept = Cache("checks", "agents", "answers", "checks", "models") if cached else None
    found = [problem_of(fault, _NO_CODE) for fault in library.faults]
    for name, agent in library.agents.items():
        subject = Subject(agent, known, tuple(seats.get(name, ())))
        found += _alone(subject, kept)
        found += _seen(subject, among=True)
    if kept is not None:
        kept.tidy()
    return in_order(found)


def check_agent(subject: Subject) -> list[Problem]:
    """Return every problem of one agent's file."""
    return in_order([*_seen(subject, among=False), *_seen(subject, among=True)])


def _seen(subject: Subject, *, among: bool) -> Iterable[Problem]:
    for rule in RULES:
        if rule.among is among:
            yield from rule.apply(subject)


def _alone(subject: Subject, kept: Cache | None) -> list[Problem]:
    """Return the problems that rest on the file alone, from the cache where they are kept."""
    agent = subject.agent
    key = key_of(agent.sha256, PurePath(agent.path).name)
    entry = kept.get(key) if kept is not None else None
    if entry is not None and (found := _read(entry, agent.path)) is not None:
        return found
    found = list(_seen(subject, among=False))
    if kept is not None:
        kept.put(key, {"problems": [asdict(problem) for problem in found]})
    return found


def _read(entry: Mapping[str, Any], file: str) -> list[Problem] | None:
    """Return kept problems as those of `file`, or None where the entry is none."""
    found: list[Problem] = []
    try:
        for raw in cast("list[dict[str, Any]]", entry["problems"]):
            raw["edits"] = tuple(Edit(**edit) for edit in raw["edits"])
            found.append(replace(Problem(**raw), file=file))
    except (KeyError, TypeError):
        return None
    return found


def problem_of(fault: EnsembleError, code: str) -> Problem:
    """Return a fault as a problem; `code` is for one that has none of its own."""
    match = _WHERE.fullmatch(fault.where)
    file, line, column = match.groups() if match else (fault.where, None, None)
    own = getattr(fault, "code", code)
    return Problem(own, "error", file, int(line or 1), int(column or 1), fault.problem, fault.fix)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by file, line and column, each once."""
    unique = {(p.file, p.line, p.column, p.code, p.message): p for p in problems}
    return [unique[key] for key in sorted(unique)]
