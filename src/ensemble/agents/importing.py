"""Foreign agent files turned into our own, each with a report of what became of its fields.

Nothing is dropped: what means nothing here stands below `imported`, beside the file's name
and hash, so that the way back is open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.agents.conversion import Fate
from ensemble.agents.dialects import ENSEMBLE
from ensemble.agents.library import Skipped, agent_files
from ensemble.agents.loading import Agent, read_file
from ensemble.agents.repairs import Repair
from ensemble.agents.spec import ToolModes
from ensemble.agents.writing import GONE, dumped, rewritten, write_text
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
    extra = spec.model_extra or {}
    unused = {fate.field for fate in agent.fates if fate.lost}
    given: dict[str, Any] = {"name": spec.name}
    own = spec.model_dump(mode="json", exclude_unset=True, exclude={"name", "tools", *extra})
    given |= {key: value for key, value in own.items() if value not in (None, "", [], {})}
    given["tools"] = _by_mode(spec.tools)
    fields: Any = agent.document.value
    turned = {fate.field for fate in agent.fates if fate.outcome == "changed"}
    given["imported"] = {
        "from": agent.dialect,
        "file": Path(agent.path).name,
        "sha256": agent.sha256,
        "unused": {key: value for key, value in extra.items() if key in unused},
        "changed": {
            key: fields[key] for key in fields if key in turned or (turned and key == "tools")
        },
    }
    return dumped(given, f"\n{agent.prose.strip()}\n")


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
