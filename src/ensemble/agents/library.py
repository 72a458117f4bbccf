"""Agent files found, read and kept by name.

One unreadable file never stops a folder: its fault is kept beside the agents that are fine,
and raised only where somebody seats that agent.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from pydantic import ValidationError

from ensemble.agents.markdown import Body, read_body
from ensemble.agents.repairs import Repair
from ensemble.agents.spec import AgentSpec
from ensemble.errors import EnsembleError, Faults, InvalidFile, closest
from ensemble.strict_yaml import Document, read_yaml

_CONTEXT_FILES: Final = frozenset({"agents.md", "claude.md", "readme.md"})


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over."""

    path: str
    reason: str


@dataclass(frozen=True)
class Agent:
    """One definition file."""

    spec: AgentSpec
    body: Body
    path: str
    sha256: str
    """Hex SHA-256 of the file's bytes."""
    text: str = field(default="", repr=False)
    """The file as its author wrote it."""
    dialect: str = "ensemble"
    """The form that its frontmatter was recognised as."""
    repairs: tuple[Repair, ...] = ()
    """What had to be mended to read it."""
    body_line: int = 1
    """The line of the file at which the body begins."""

    @cached_property
    def document(self) -> Document:
        """The frontmatter with the place of every value; lines count from the file's top."""
        return read_yaml(_split(self.text, self.path)[0], path=self.path, first_line=2)

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.spec.name


@dataclass(frozen=True)
class Library(Mapping[str, Agent]):
    """Agents by name, and the files that could not be read."""

    agents: Mapping[str, Agent]
    faults: tuple[EnsembleError, ...] = ()
    """What was refused; each `AgentFault` has a code."""
    skipped: tuple[Skipped, ...] = ()
    """Files that are no agents, and why."""
    folders: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> Agent:
        return self.agents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.agents)

    def __len__(self) -> int:
        return len(self.agents)

    def find(self, name: str, *, where: str) -> Agent:
        """Return the agent called `name`.

        Raises:
            InvalidFile: there is none; or its file could not be read, and that is the fault.
        """
        if name in self.agents:
            return self.agents[name]
        for fault in self.faults:
            if Path(fault.where.split(":")[0]).stem == name:
                raise fault
        raise InvalidFile(
            f"no agent is called {name!r}",
            where=where,
            fix=closest(name, self.agents, kind="agent"),
        )


def load_agents(*folders: str | Path) -> Library:
    """Load every agent file below the folders; the first folder's agents win by name.

    Without a folder: the project's own `agents/`, then the built-in ones.
    """
    from ensemble.config import project_of

    places = [Path(folder) for folder in folders] or project_of().folders("agents")
    agents: dict[str, Agent] = {}
    faults: list[EnsembleError] = []
    for folder in places:
        fresh: dict[str, Agent] = {}
        for path in _agent_files(folder):
            try:
                agent = load_agent(path)
            except Faults as several:
                faults.extend(several.faults)
                continue
            except InvalidFile as fault:
                faults.append(fault)
                continue
            if agent.name in fresh:
                faults.append(_same_name(agent, fresh[agent.name]))
            fresh.setdefault(agent.name, agent)
        agents = {**fresh, **agents}
    return Library(agents, tuple(faults), folders=tuple(str(folder) for folder in places))


def load_agent(path: str | Path) -> Agent:
    """Load one agent file.

    Raises:
        InvalidFile: it is no text, has no frontmatter, or a field does not fit.
    """
    place = Path(path)
    try:
        raw = place.read_bytes()
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        fix = "name an agent file that exists"
        raise InvalidFile(f"cannot be read: {error.strerror}", where=str(path), fix=fix) from error
    except UnicodeDecodeError as error:
        raise InvalidFile("is no UTF-8 text", where=f"{path}:1:1", fix="save as UTF-8") from error
    head, body = _split(text, str(path))
    spec = _validated(read_yaml(head, path=str(path), first_line=2))
    line = text[: len(text) - len(body)].count("\n") + 1
    digest = hashlib.sha256(raw).hexdigest()
    return Agent(spec, read_body(body), str(path), digest, text, body_line=line)


def _agent_files(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in sorted(folder.rglob("*.md"))
        if path.name.lower() not in _CONTEXT_FILES and not path.name.startswith(".")
    )


def _split(text: str, path: str) -> tuple[str, str]:
    lines = text.split("\n")
    if not lines[0].startswith("---"):
        raise InvalidFile(
            "has no frontmatter",
            where=f"{path}:1:1",
            fix="begin the file with `---`, then `name:` and the other fields, then `---`",
        )
    for number, line in enumerate(lines[1:], 1):
        if line.startswith("---") and not line.strip("- "):
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise InvalidFile(
        "the frontmatter never ends", where=f"{path}:1:1", fix="close it with a line `---`"
    )


def _validated(document: Document) -> AgentSpec:
    if not isinstance(document.value, dict):
        raise InvalidFile(
            "the frontmatter is no mapping", where=document.where(), fix="write `name: …` lines"
        )
    given = cast("dict[str, Any]", document.value)
    texts = {step[0]: text for step, text in document.texts.items() if len(step) == 1}
    if "version" in texts:  # 1.10 is a version, not the number 1.1
        given = {**given, "version": texts["version"]}
    try:
        return AgentSpec.model_validate(given)
    except ValidationError as error:
        faults = [
            InvalidFile(
                f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}",
                where=document.where(*item["loc"]),
                fix=f"mend the field; it holds {str(item['input'])[:60]!r}",
            )
            for item in error.errors()
        ]
        raise faults[0] if len(faults) == 1 else Faults(faults) from error


def _same_name(agent: Agent, first: Agent) -> InvalidFile:
    return InvalidFile(
        f"agent {agent.name!r} is already defined in {first.path}",
        where=f"{agent.path}:1:1",
        fix="rename one of the two",
    )
