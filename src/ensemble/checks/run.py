"""Agents checked against every rule: a library in, problems in order of file and line out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, Final

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
    kept = _Kept(library.folders) if cached else None
    nearest: dict[str, str | None] = {}
    found = [problem_of(fault, _NO_CODE) for fault in library.faults]
    for agent in (*library.agents.values(), *library.twins):
        subject = Subject(agent, known, tuple(seats.get(agent.name, ())), nearest)
        found += _alone(subject, kept)
        found += _seen(subject, among=True)
    if kept is not None:
        kept.write()
    return in_order(found)


def _seen(subject: Subject, *, among: bool) -> Iterable[Problem]:
    for rule in RULES:
        if rule.among is among:
            yield from rule.apply(subject)


def _alone(subject: Subject, kept: "_Kept | None") -> Sequence[Problem]:
    """Return the problems that rest on the file alone, where they are kept from there."""
    found = kept.of(subject.agent) if kept is not None else None
    if found is None:
        found = list(_seen(subject, among=False))
        if kept is not None:
            kept.note(subject.agent, found)
    return found


class _Kept:
    """What was seen in the files of some folders, in one entry of the user's cache folder."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._cache = Cache("checks", "agents", "answers", "checks", "models")
        self._key = key_of(*(str(Path(folder).resolve()) for folder in folders))
        self._before = self._cache.get(self._key) or {}
        self._now: dict[str, list[dict[str, Any]]] = {}

    def of(self, agent: Agent) -> list[Problem] | None:
        """Return the problems of an unchanged file; None where it or the entry is another."""
        key = _file_key(agent)
        found: list[Problem] = []
        try:
            for raw in self._before[key]:
                edits = tuple(Edit(**edit) for edit in raw["edits"])
                whole: dict[str, Any] = {**raw, "file": agent.path, "edits": edits}
                found.append(Problem(**whole))
        except (KeyError, TypeError):
            return None
        self._now[key] = self._before[key]
        return found

    def note(self, agent: Agent, problems: Sequence[Problem]) -> None:
        """Keep the problems of a file."""
        self._now[_file_key(agent)] = [asdict(problem) for problem in problems]

    def write(self) -> None:
        """Write what is kept now, where it is not what was kept before."""
        if self._now.keys() != self._before.keys():
            self._cache.put(self._key, self._now)
            self._cache.tidy()


def _file_key(agent: Agent) -> str:
    return f"{agent.sha256} {PurePath(agent.path).name}"


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
