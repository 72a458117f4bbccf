"""Agent files found, read and kept by name.

One unreadable file never stops a folder: its fault is kept beside the agents that are fine,
and raised only where somebody seats that agent.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ensemble.agents.frontmatter import AgentFault
from ensemble.agents.loading import Agent, read_file
from ensemble.agents.markdown import Body
from ensemble.agents.spec import AgentSpec
from ensemble.errors import EnsembleError, Faults, InvalidFile, closest
from ensemble.roles import HUMAN

_CONTEXT_FILES: Final = frozenset({"agents.md", "claude.md", "readme.md"})
_LOOK: Final = 65536
"""Bytes in which a file of such a name shows whether it is an agent."""


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over."""

    path: str
    reason: str


@dataclass(frozen=True)
class Library(Mapping[str, Agent]):
    """Agents by name, and the files that could not be read."""

    agents: Mapping[str, Agent]
    faults: tuple[EnsembleError, ...] = ()
    """What was refused; each `AgentFault` has a code."""
    skipped: tuple[Skipped, ...] = ()
    """Files that are no agents, and why."""
    folders: tuple[str, ...] = field(default=())
    twins: tuple[Agent, ...] = ()
    """Agents whose name another file of their folder has; nobody finds them."""

    def __getitem__(self, name: str) -> Agent:
        return self.agents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.agents)

    def __len__(self) -> int:
        return len(self.agents)

    def find(self, name: str, *, where: str) -> Agent:
        """Return the agent called `name`; `human` is a person, unless a file is so called.

        Raises:
            InvalidFile: there is none; or its file could not be read, and that is the fault.
        """
        if name in self.agents:
            return self.agents[name]
        for fault in self.faults:
            if Path(fault.where.split(":")[0]).stem == name:
                raise fault
        if name == HUMAN:
            return a_person()
        raise InvalidFile(
            f"no agent is called {name!r}",
            where=where,
            fix=closest(name, self.agents, kind="agent"),
        )


def a_person() -> Agent:
    """Return what sits in a person's seat: no file, no tools, every role."""
    spec = AgentSpec(name=HUMAN, description="A person, who is asked when the seat is entered.")
    return Agent(spec, Body(), HUMAN, hashlib.sha256(HUMAN.encode()).hexdigest(), dialect=HUMAN)


def load_agents(*folders: str | Path, cached: bool = False) -> Library:
    """Load every agent file below the folders; the first folder's agents win by name.

    Without a folder: the project's own `agents/`, then the built-in ones.

    Args:
        folders: folders, or single files.
        cached: whether to take readings of unchanged files from the user's cache folder.
    """
    from ensemble.agents.cache import Cache
    from ensemble.config import project_of

    places = [Path(folder) for folder in folders] or project_of().folders("agents")
    kept = Cache("agents", "agents") if cached else None
    agents: dict[str, Agent] = {}
    faults: list[EnsembleError] = []
    skipped: list[Skipped] = []
    twins: list[Agent] = []
    for place in places:
        fresh: dict[str, Agent] = {}
        for path in agent_files(place, skipped):
            try:
                found = read_file(path, kept)
            except Faults as several:
                faults.extend(several.faults)
                continue
            except InvalidFile as fault:
                faults.append(fault)
                continue
            for agent in found:
                if agent.name in fresh:
                    faults.append(_same_name(agent, fresh[agent.name]))
                    twins.append(agent)
                fresh.setdefault(agent.name, agent)
        agents = {**fresh, **agents}
    if kept is not None:
        kept.tidy()
    return Library(agents, tuple(faults), tuple(skipped), tuple(map(str, places)), tuple(twins))


def load_agent(path: str | Path) -> Agent:
    """Load one agent file.

    Raises:
        InvalidFile: it is no text, has no frontmatter, a field does not fit, or it lists several.
    """
    agent, *others = read_file(Path(path))
    if others:
        names = ", ".join(each.name for each in (agent, *others))
        raise AgentFault(
            f"holds several agents: {names}",
            where=agent.document.where("name"),
            fix="import it with `ensemble agents import`, then name the one that is meant",
            code="E007",
        )
    return agent


def agent_files(place: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Yield the files that may be agents; note those that are passed over."""
    if place.is_file():
        yield place
        return
    for path in sorted([*place.rglob("*.md"), *place.rglob("*.toml")]):
        reason = _no_agent(path)
        if reason is None:
            yield path
        else:
            skipped.append(Skipped(str(path), reason))


def _no_agent(path: Path) -> str | None:
    """Return why a file is passed over; None where it may be an agent."""
    if path.name.startswith("."):
        apple = path.name.startswith("._")
        return "an AppleDouble file, which holds no text" if apple else "a hidden file"
    if path.suffix != ".toml" and path.name.lower() not in _CONTEXT_FILES:
        return None
    try:
        start = path.read_bytes()[:_LOOK].removeprefix(b"\xef\xbb\xbf")
    except OSError:
        return None
    if path.suffix == ".toml":
        return None if b"developer_instructions" in start else "no Codex agent"
    fields = [line.split(b":")[0] for line in start.split(b"\n")]
    if start.startswith(b"---") and b"name" in fields and b"description" in fields:
        return None
    return "context for agents, not one of them"


def _same_name(agent: Agent, first: Agent) -> AgentFault:
    return AgentFault(
        f"agent {agent.name!r} is already defined in {first.path}",
        where=agent.document.where("name"),
        fix="rename one of the two",
        code="E009",
    )
