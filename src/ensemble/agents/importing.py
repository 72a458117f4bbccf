"""Foreign agent files turned into our own, each with a report of what became of its fields.

Nothing is dropped: what means nothing here stands below `imported`, beside the file's name
and hash, so that the way back is open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ensemble.agents.conversion import Fate
from ensemble.agents.dialects import ENSEMBLE
from ensemble.agents.library import Skipped, agent_files
from ensemble.agents.loading import Reading, read_file
from ensemble.agents.repairs import Repair
from ensemble.agents.spec import ToolModes
from ensemble.agents.writing import GONE, dumped, rewritten, write_agent
from ensemble.errors import EnsembleError, Faults, InvalidFile, UsageError
from ensemble.roles import ToolMode
from ensemble.strict_yaml import Path as Steps

NOT_ACTED_ON: Final = "not acted on"


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
        return [fate.field for fate in self.fates if fate.outcome == NOT_ACTED_ON]


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
            readings = read_file(path)
        except Faults as several:
            faults += several.faults
            continue
        except InvalidFile as fault:
            faults.append(fault)
            continue
        for reading in readings:
            place = to / f"{reading.spec.name}.md"
            reason = ""
            if reading.spec.name in taken:
                reason = f"another file here is called {reading.spec.name!r} too"
            elif place.exists() and not over:
                reason = f"{place} is there already; write over it with --force"
            else:
                write_agent(place, as_ours(reading))
            taken.add(reading.spec.name)
            done.append(_imported(reading, None if reason else str(place), reason))
    return Report(tuple(done), tuple(faults), tuple(skipped))


def as_ours(reading: Reading) -> str:
    """Return the text of a file of ours that says what `reading` says."""
    if reading.dialect == ENSEMBLE:
        return rewritten(reading.text, reading.path, dict(_mended_fields(reading)))
    spec = reading.spec
    extra = spec.model_extra or {}
    unused = {fate.field for fate in reading.fates if fate.outcome == NOT_ACTED_ON}
    given: dict[str, Any] = {"name": spec.name}
    own = spec.model_dump(mode="json", exclude_unset=True, exclude={"name", "tools", *extra})
    given |= {key: value for key, value in own.items() if value not in (None, "", [], {})}
    given["tools"] = _by_mode(spec.tools)
    given["imported"] = {
        "from": reading.dialect,
        "file": Path(reading.path).name,
        "sha256": reading.sha256,
        "unused": {key: value for key, value in extra.items() if key in unused},
    }
    return dumped(given, f"\n{reading.prose.strip()}\n")


def _mended_fields(reading: Reading) -> Iterable[tuple[Steps, Any]]:
    """Yield what a reading changed in fields that were YAML, but not what they look like."""
    fields: Mapping[str, Any] = reading.document.value if reading.document else {}
    if fields.get("name") != reading.spec.name:
        yield ("name",), reading.spec.name
    for item in reading.repairs:
        key = item.message.partition(": ")[2].partition(":")[0]
        if item.code == "R14":
            yield (key,), GONE
        elif item.code == "R12" and key != "name":
            yield (key,), getattr(reading.spec, key, "")


def _by_mode(tools: ToolModes) -> dict[str, str]:
    """Return one list of tools as what each tool mode may hold of it."""
    modes = (ToolMode.AUDIT, ToolMode.RESEARCH, ToolMode.SOLUTION)
    listed = {mode.value: ", ".join(tools.listed(mode)) for mode in modes}
    return {**listed, "default_mode": ToolMode.SOLUTION.value}


def _imported(reading: Reading, written: str | None, reason: str) -> Imported:
    return Imported(
        source=reading.path,
        dialect=reading.dialect,
        name=reading.spec.name,
        written=written,
        reason=reason,
        fates=reading.fates,
        repairs=reading.repairs,
    )
