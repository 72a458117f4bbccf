"""Every file of a project read and checked; every fault of all of them at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.agents.library import load_agent, load_agents
from ensemble.config import project_of
from ensemble.errors import EnsembleError, Faults, InvalidFile, UsageError
from ensemble.scenarios.graphs import is_own, load_topology, parse_graph
from ensemble.scenarios.loading import case_ids, load_scenario


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong."""

    files: tuple[str, ...]
    faults: tuple[EnsembleError, ...]


def check(paths: Sequence[Path] = ()) -> Checked:
    """Check files and folders; without any, the whole project.

    A graph file is run only where it is the project's own: checking a foreign folder never
    runs its code.

    Raises:
        UsageError: a path does not exist, or nothing there can be checked.
    """
    files = list(dict.fromkeys(_files(paths or [project_of().root], whole=not paths)))
    if not files:
        raise UsageError(
            "there is nothing to check",
            where=", ".join(map(str, paths)) or str(Path.cwd()),
            fix="name an agent (.md), a graph (.py) or a scenario (.yaml)",
        )
    faults: list[EnsembleError] = []
    for path in files:
        faults += _faults_of(path)
    here = f"{Path.cwd()}/"  # an agent is named by its whole path where a scenario seats it
    unique = {str(fault).removeprefix(here): fault for fault in faults}
    return Checked(tuple(map(str, files)), tuple(unique.values()))


def _files(paths: Iterable[Path], *, whole: bool) -> Iterable[Path]:
    for path in paths:
        if path.is_file():
            yield path
            continue
        if not path.is_dir():
            raise UsageError("there is no such file", where=str(path), fix="mend the path")
        kinds = {"agents": "*.md", "graphs": "*.py", "scenarios": "*.yaml"}
        known = {name: pattern for name, pattern in kinds.items() if (path / name).is_dir()}
        if whole or known:
            for name, pattern in known.items():
                yield from _sorted(path / name, pattern)
        else:
            for pattern in kinds.values():
                yield from _sorted(path, pattern)


def _sorted(folder: Path, pattern: str) -> list[Path]:
    found = folder.rglob(pattern) if pattern == "*.md" else folder.glob(pattern)
    context = {"agents.md", "claude.md", "readme.md"}
    return sorted(p for p in found if p.name[0] not in "._" and p.name.lower() not in context)


def _faults_of(path: Path) -> list[EnsembleError]:
    try:
        match path.suffix:
            case ".md":
                load_agent(path)
                return [f for f in load_agents(path.parent).faults if f.where.startswith(str(path))]
            case ".py":
                _check_graph(path)
            case ".yaml" | ".yml":
                return _faults_of_scenario(path)
            case _:
                return [
                    InvalidFile(
                        "is no agent, graph or scenario", where=str(path), fix="leave it out"
                    )
                ]
    except Faults as several:
        return list(several.faults)
    except EnsembleError as fault:
        return [fault]
    return []


def _faults_of_scenario(path: Path) -> list[EnsembleError]:
    faults: list[EnsembleError] = []
    for case in case_ids(path):
        try:
            load_scenario(path, case=case, runs_graphs=False)
        except Faults as several:
            faults += several.faults
        except EnsembleError as fault:
            faults.append(fault)
    return faults


def _check_graph(path: Path) -> None:
    if is_own(path):
        load_topology(path)
    else:
        parse_graph(path)
