"""A cast proposed for some files and a task: who could sit where, and why.

Files are held against file triggers, the task against keyword triggers and against what each
agent says of itself. A panel's seats go to those who are called for most; other seats to those
who are born for the role, the chair to the one that the panel escalates to. It only proposes:
everything it counts is in the reasons.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ensemble.agents.library import Agent
from ensemble.agents.triggers import TriggerKind, classify
from ensemble.config import project_of
from ensemble.errors import UsageError
from ensemble.graph.topology import Topology
from ensemble.roles import Role

MOST_FILES: Final = 5000
"""How many files below the paths are looked at."""
_TRIGGER, _TERM, _BORN, _WORKS_SO, _WORDS, _LINK = 3, 1, 3, 2, 1, 2
_MOST_WORDS: Final = 3
_SHARE: Final = 3
"""A word that one in so many agents says of itself tells them not apart."""
_ALONE: Final = frozenset({Role.SOLO, Role.PANEL_MEMBER})
_WORKING: Final[Mapping[str, str]] = {
    Role.AUDITOR: "auditor",
    Role.GATE_REVIEWER: "auditor",
    Role.DECISION_MAKER: "architect",
    Role.INPUT_PROVIDER: "advisor",
}
_SEEN: Final = frozenset({".github", ".gitlab-ci.yml"})
"""Of hidden names, those that panels are asked about."""
_WORD: Final = re.compile(r"[a-z]{4,}")
_ENDS: Final = ("ations", "ation", "ings", "ing", "ions", "ion", "ity", "ed", "es", "s", "e")
_SHORTEST: Final = 4
_EMPTY: Final = frozenset(
    {
        *("about", "after", "also", "been", "before", "being", "between", "both", "could", "does"),
        *("done", "each", "even", "ever", "from", "good", "have", "having", "here", "into", "just"),
        *("like", "made", "make", "many", "more", "most", "much", "must", "need", "next", "only"),
        *("other", "over", "same", "should", "some", "such", "than", "that", "their", "them"),
        *("then", "there", "these", "they", "this", "those", "through", "under", "upon", "used"),
        *("using", "very", "were", "what", "when", "where", "whether", "which", "while", "will"),
        *("with", "without", "would", "your"),
    }
)
"""Words that say nothing of a field."""


@dataclass(frozen=True)
class Proposed:
    """One agent for one seat."""

    seat: str
    role: str
    agent: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """Who could sit where."""

    graph: str
    seats: tuple[Proposed, ...]
    hints: tuple[str, ...] = ()
    """Sentences among the triggers that a person may find to fit."""

    @property
    def cast(self) -> dict[str, str | list[str]]:
        """The cast as a scenario writes it."""
        held: dict[str, list[str]] = {}
        for proposed in self.seats:
            held.setdefault(proposed.seat, []).append(proposed.agent)
        several = {p.seat for p in self.seats if p.role == Role.PANEL_MEMBER}
        return {
            seat: names if seat in several or len(names) > 1 else names[0]
            for seat, names in held.items()
        }

    @property
    def block(self) -> str:
        """The cast as YAML, to put into a scenario."""
        rows = [
            f"  {seat}: {held if isinstance(held, str) else '[' + ', '.join(held) + ']'}"
            for seat, held in self.cast.items()
        ]
        return "\n".join(["cast:", *rows])

    def document(self) -> dict[str, Any]:
        """Return it as one JSON document."""
        seats = [
            {
                "seat": each.seat,
                "role": each.role,
                "agent": each.agent,
                "score": each.score,
                "reasons": list(each.reasons),
            }
            for each in self.seats
        ]
        return {
            "schema": "ensemble/cast@1",
            "graph": self.graph,
            "seats": seats,
            "hints": list(self.hints),
            "cast": self.cast,
            "block": self.block,
        }


@dataclass
class _Weighed:
    """What speaks for one agent."""

    agent: Agent
    score: int = 0
    reasons: list[str] = field(default_factory=list[str])
    called: int = 0
    """Of the score, what files and task give it; the rest is the role's."""

    def add(self, score: int, reason: str) -> None:
        """Note one more reason."""
        self.score += score
        self.reasons.append(reason)


def propose(
    library: Mapping[str, Agent],
    topology: Topology,
    *,
    files: Sequence[str],
    task: str = "",
    members: int = 3,
) -> Proposal:
    """Propose a cast for a topology.

    Args:
        library: who can be seated.
        topology: the seats.
        files: paths, as `files_below` returns them.
        task: the task, in words.
        members: how many sit on a panel, at most.

    Raises:
        UsageError: no agent is called for by the files or the task.
    """
    asked = _words(task).keys() - _common(library)
    fits = {name: _fit(agent, files, task, asked) for name, agent in library.items()}
    if not any(fit.score for fit in fits.values()):
        more = "say more of it in --task" if task else "say what is to be done with --task"
        raise UsageError(
            "no agent is called for by these files" + (" and this task" if task else ""),
            where="--for",
            fix=f"{more}, or name the agents in the scenario's cast",
        )
    taken: dict[str, Proposed] = {}
    entries = sorted(topology.entries(), key=lambda entry: entry[1] not in _ALONE)
    made = {role: _born(library, role) for _, role in entries if role not in _ALONE}
    for seat, role in entries:
        if any(proposed.seat == seat for proposed in taken.values()):
            continue
        wanted = members if role == Role.PANEL_MEMBER else 1
        seated = 0
        for weighed in _ranked(fits, role, taken):
            name = weighed.agent.name
            last = any(born - taken.keys() == {name} for born in made.values())
            if seated == wanted or (role in _ALONE and last):
                continue
            seated += 1
            taken[name] = Proposed(seat, role, name, weighed.score, tuple(weighed.reasons))
    rank = {seat: number for number, seat in enumerate(topology.seats)}
    seats = sorted(taken.values(), key=lambda proposed: rank[proposed.seat])
    return Proposal(topology.name, tuple(seats), tuple(_hints(library, task)))


def files_below(paths: Iterable[Path]) -> list[str]:
    """Return the files named and those below the folders named, each once.

    They are relative to the project worked in; those outside it to what was named.

    Raises:
        UsageError: a path does not exist.
    """
    root = project_of().root
    found: dict[str, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError("there is no such file", where=str(path), fix="mend the path")
        place = path.resolve()
        top = root if place.is_relative_to(root) else place if place.is_dir() else place.parent
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if len(found) >= MOST_FILES:
                break
            if file.is_file() and not _hidden(file.relative_to(place)):
                found[file.relative_to(top).as_posix()] = None
    return list(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") and part not in _SEEN for part in path.parts)


def _fit(agent: Agent, files: Sequence[str], task: str, asked: Collection[str]) -> _Weighed:
    """Weigh what calls for an agent by itself: its triggers, and the words of its field."""
    fit = _Weighed(agent)
    for trigger in map(classify, agent.spec.proactive_triggers):
        met = [file for file in files if trigger.meets_path(file)]
        if met:
            more = f" and {len(met) - 1} more" if len(met) > 1 else ""
            fit.add(_TRIGGER, f"its trigger {trigger.text} meets {met[0]}{more}")
        elif trigger.meets_text(task):
            fit.add(_TRIGGER, f"its trigger {trigger.text} meets the task")
    words = f" {' '.join(re.findall(r'[a-z0-9]+', task.lower()))} "
    terms = [term for term in agent.body.vocabulary if _stands_in(term, words)]
    if terms:
        count = min(len(terms), _MOST_WORDS)
        fit.add(_TERM * count, f"the task speaks of its field: {', '.join(terms[:_MOST_WORDS])}")
    said = _self_said(agent)
    shared = [said[stem] for stem in sorted(said.keys() & asked)][:_MOST_WORDS]
    if shared:
        named = bool(_words(agent.name).keys() & asked)
        fit.add(_TERM * (len(shared) + named), f"it says of itself: {', '.join(shared)}")
    fit.called = fit.score
    return fit


def _self_said(agent: Agent) -> dict[str, str]:
    """Return the words in which an agent says what it does, by stem."""
    words = (agent.name, agent.spec.description, *agent.body.specialisations)
    return _words(" ".join((*words, *agent.body.vocabulary)))


def _common(library: Mapping[str, Agent]) -> set[str]:
    """Return what so many agents say of themselves that it tells them not apart."""
    count = Counter(stem for agent in library.values() for stem in _self_said(agent))
    return {stem for stem, times in count.items() if times >= max(_SHARE, len(library) / _SHARE)}


def _words(text: str) -> dict[str, str]:
    """Return the words of a text that say something, by stem."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _EMPTY)
    return {_stem(word): word for word in words}


def _stem(word: str) -> str:
    ends = (end for end in _ENDS if word.endswith(end) and len(word) - len(end) >= _SHORTEST)
    return word.removesuffix(next(ends, ""))


def _born(library: Mapping[str, Agent], role: str) -> set[str]:
    return {n for n, agent in library.items() if agent.spec.ensemble_roles.default == role}


def _ranked(fits: Mapping[str, _Weighed], role: str, taken: Collection[str]) -> list[_Weighed]:
    """Return those that could take a role, best first; for a panel, only who is called for.

    A panel wants who is called for most; other seats want who is made for them. Among equals
    the one with the widest brief is first, which the fewest triggers tell.
    """
    ranked: list[_Weighed] = []
    for name, fit in fits.items():
        if name in taken or (role in _ALONE and not fit.score):
            continue
        weighed = _for_role(fit, role, taken, fits)
        if weighed.score > fit.score or role in _ALONE:
            ranked.append(weighed)

    def order(weighed: _Weighed) -> tuple[int, int, int, str]:
        by_role, spec = weighed.score - weighed.called, weighed.agent.spec
        first, second = weighed.called, by_role
        if role not in _ALONE:
            first, second = second, first
        return -first, -second, len(spec.proactive_triggers), spec.name

    return sorted(ranked, key=order)


def _for_role(
    fit: _Weighed, role: str, seated: Collection[str], fits: Mapping[str, _Weighed]
) -> _Weighed:
    """Weigh an agent for a role, given who sits already."""
    spec = fit.agent.spec
    weighed = _Weighed(fit.agent, fit.score, [*fit.reasons], fit.called)
    born = spec.ensemble_roles.default
    if born == role:
        weighed.add(_BORN, f"its file's own role is {role}")
    elif role in _ALONE and born not in (None, *_ALONE):
        weighed.add(-_BORN, f"its file's own role is {born}")
    elif spec.role is not None and _WORKING.get(role) == spec.role:
        weighed.add(_WORKS_SO, f"it works as {spec.role}")
    elif role in spec.ensemble_roles.roles:
        weighed.add(_WORDS, f"its file says how it behaves as {role}")
    if role in (Role.DECISION_MAKER, Role.TIEBREAKER):
        senior = [n for n in seated if fit.agent.name in fits[n].agent.spec.escalation.targets]
        if senior:
            weighed.add(_LINK * len(senior), f"{', '.join(sorted(senior))} escalate to it")
    return weighed


def _stands_in(term: str, words: str) -> bool:
    """Return whether a term of a vocabulary stands in a task, word for word."""
    plain = " ".join(re.findall(r"[a-z0-9]+", term.lower()))
    return bool(plain) and (f" {plain} " in words or f" {plain}s " in words)


def _hints(library: Mapping[str, Agent], task: str) -> Iterable[str]:
    """Yield the sentences among triggers that share a word with the task."""
    wanted = _words(task).keys()
    for name, agent in library.items():
        for trigger in map(classify, agent.spec.proactive_triggers):
            if trigger.kind is TriggerKind.SENTENCE and wanted & _words(trigger.text).keys():
                yield f"{name}: {trigger.text}"
