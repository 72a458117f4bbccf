"""Foreign agent files turned into our own, each with a report of what became of its fields.

Nothing is dropped: what means nothing here stands below `imported`, beside the file's name
and hash, so that the way back is open.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.agents.conversion import Fate
from ensemble.agents.dialects import ENSEMBLE
from ensemble.agents.library import Skipped, agent_files
from ensemble.agents.loading import Agent, read_file
from ensemble.agents.repairs import Repair
from ensemble.agents.spec import ToolModes
from ensemble.agents.writing import GONE, dumped, plain, rewritten, write_text
from ensemble.errors import EnsembleError, Faults, InvalidFile, UsageError
from ensemble.roles import ToolMode
from ensemble.strict_yaml import Path as Steps


@dataclass(frozen=True)
class Imported:
    """One file, and what became of it."""

    source: str
    dialect: str
    name: str
    written: str | None
    """The new file; None where it was not written."""
    reason: str
    """Why it was not written."""
    fates: tuple[Fate, ...]
    repairs: tuple[Repair, ...]

    @property
    def lost(self) -> list[str]:
        """Fields that nothing acts on here; they are kept below `imported`."""
        return [fate.field for fate in self.fates if fate.lost]


@dataclass(frozen=True)
class Report:
    """All files of an import."""

    files: tuple[Imported, ...]
    faults: tuple[EnsembleError, ...]
    skipped: tuple[Skipped, ...]


def import_agents(source: Path, to: Path, *, over: bool = False) -> Report:
    """Turn every agent file below `source` into one of ours in `to`.

    Args:
        source: a file or a folder.
        to: the folder to write to.
        over: whether to write over files that are there.

    Raises:
        UsageError: there is no such file or folder.
        CannotWrite: the folder cannot be written.
    """
    if not source.exists():
        raise UsageError("there is no such file", where=str(source), fix="mend the path")
    done: list[Imported] = []
    faults: list[EnsembleError] = []
    skipped: list[Skipped] = []
    taken: set[str] = set()
    for path in agent_files(source, skipped):
        try:
            agents = read_file(path)
        except Faults as several:
            faults += several.faults
            continue
        except InvalidFile as fault:
            faults.append(fault)
            continue
        for agent in agents:
            place = to / f"{agent.name}.md"
            reason = ""
            if agent.name in taken:
                reason = f"another file here is called {agent.name!r} too"
            elif place.exists() and not over:
                reason = f"{place} is there already; write over it with --force"
            else:
                write_text(place, as_ours(agent))
            taken.add(agent.name)
            done.append(_imported(agent, None if reason else str(place), reason))
    return Report(tuple(done), tuple(faults), tuple(skipped))


def as_ours(agent: Agent) -> str:
    """Return the text of a file of ours that says what `agent` says."""
    if agent.dialect == ENSEMBLE:
        return rewritten(agent.text, agent.path, dict(_mended_fields(agent)))
    spec = agent.spec
    given: dict[str, Any] = {"name": spec.name}
    left_out = {"name", "tools", *(spec.model_extra or {})}
    own = spec.model_dump(mode="json", exclude_unset=True, exclude=left_out)
    given |= {key: value for key, value in own.items() if value not in (None, "", [], {})}
    given["tools"] = _by_mode(spec.tools)
    given["imported"] = _way_back(agent)
    return dumped(given, f"\n{agent.prose.strip()}\n")


def _way_back(agent: Agent) -> dict[str, Any]:
    """Return where an agent came from, and what its file said that is not said here."""
    turned = {fate.field for fate in agent.fates if fate.outcome == "changed"}
    if turned:
        turned.add("tools")  # what bears on tools turns them
    unused = {fate.field for fate in agent.fates if fate.lost}
    rows = (row.strip() for row in agent.text.splitlines()[: agent.body_line - 1])
    said: dict[str, Any] = {
        "unused": _as_written(agent, unused),
        "changed": _as_written(agent, turned),
        "comments": [row for row in rows if row.startswith("#")],
    }
    came = {"from": agent.dialect, "file": Path(agent.path).name, "sha256": agent.sha256}
    return came | {key: value for key, value in said.items() if value}


def _as_written(agent: Agent, names: Collection[str]) -> dict[str, Any]:
    document = agent.document
    return {key: plain(document, (key,)) for key in document.value if key in names}


def _mended_fields(agent: Agent) -> Iterable[tuple[Steps, Any]]:
    """Yield what reading changed in fields that were YAML, but not what they look like."""
    if agent.document.value.get("name") != agent.name:
        yield ("name",), agent.name
    for item in agent.repairs:
        if item.code == "R14":
            yield (item.field,), GONE
        elif item.code == "R12" and item.field != "name":
            yield (item.field,), getattr(agent.spec, item.field, "")


def _by_mode(tools: ToolModes) -> dict[str, str]:
    """Return one list of tools as what each tool mode may hold of it."""
    modes = (ToolMode.AUDIT, ToolMode.RESEARCH, ToolMode.SOLUTION)
    listed = {mode.value: ", ".join(tools.listed(mode)) for mode in modes}
    return {**listed, "default_mode": ToolMode.SOLUTION.value}


def _imported(agent: Agent, written: str | None, reason: str) -> Imported:
    return Imported(
        source=agent.path,
        dialect=agent.dialect,
        name=agent.name,
        written=written,
        reason=reason,
        fates=agent.fates,
        repairs=agent.repairs,
    )
