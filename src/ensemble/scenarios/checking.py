"""Every file of a project read and checked; every problem of all of them at once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from ensemble.checks.fixing import fix
from ensemble.checks.run import in_order, problem_of
from ensemble.config import project_of
from ensemble.errors import EnsembleError, Faults, InvalidFile, UsageError
from ensemble.scenarios.agent_files import check_agent_files
from ensemble.scenarios.checked import Checked
from ensemble.scenarios.graph_check import graph_faults
from ensemble.scenarios.graphs import is_own, parse_graph
from ensemble.scenarios.loading import case_ids, load_scenario

_AGENTS: Final = (".md", ".toml")
_CODES: Final = {".py": "E021", ".yaml": "E022", ".yml": "E022"}
_KINDS: Final = {"agents": ("*.md",), "graphs": ("*.py",), "scenarios": ("*.yaml",)}
_NO_KIND: Final = "E023"


def check(paths: Sequence[Path] = (), *, mend: bool = False) -> Checked:
    """Check files and folders; without any, the whole project.

    A graph file is run only where it is the project's own: checking a foreign folder never
    runs its code.

    Args:
        paths: files and folders.
        mend: whether to mend in place, first, what can be mended by rule.

    Raises:
        UsageError: a path does not exist, or nothing there can be checked.
        CannotWrite: a file that is to be mended cannot be written.
    """
    checked = _looked_at(paths)
    if not mend:
        return checked
    fixed = tuple(fix(checked.problems))
    return replace(_looked_at(paths) if fixed else checked, fixed=fixed)


def _looked_at(paths: Sequence[Path]) -> Checked:
    checked = Checked()
    for place in dict.fromkeys(_places(paths or [project_of().root], whole=not paths)):
        agents = place.is_dir() or place.suffix in _AGENTS
        checked += check_agent_files(place) if agents else _of_another_kind(place)
    if not checked.files:
        raise UsageError(
            "there is nothing to check",
            where=", ".join(map(str, paths)) or str(Path.cwd()),
            fix="name an agent (.md), a graph (.py) or a scenario (.yaml)",
        )
    return replace(
        checked,
        files=tuple(map(_shown, checked.files)),
        skipped=tuple(replace(skip, path=_shown(skip.path)) for skip in checked.skipped),
        repaired={_shown(file): repairs for file, repairs in checked.repaired.items()},
        problems=tuple(in_order(replace(p, file=_shown(p.file)) for p in checked.problems)),
    )


def _of_another_kind(place: Path) -> Checked:
    code = _CODES.get(place.suffix, _NO_KIND)
    problems = tuple(problem_of(fault, code) for fault in _faults_of(place))
    return Checked((str(place),), loaded=not problems, problems=problems)


def _shown(file: str) -> str:
    """Return a file as it is named here: relative to the working folder where it lies below."""
    return file.removeprefix(f"{Path.cwd()}/")


def _places(paths: Iterable[Path], *, whole: bool) -> Iterator[Path]:
    """Yield folders of agents, and single files."""
    for path in paths:
        if path.is_file():
            yield path
            continue
        if not path.is_dir():
            raise UsageError("there is no such file", where=str(path), fix="mend the path")
        known = [name for name in _KINDS if (path / name).is_dir()]
        if not (whole or (known and _is_project(path))):
            yield path
            known = ["."]
        for name in known:
            if name == "agents":
                yield path / name
            else:
                yield from _sorted(path / name, _KINDS.get(name, ("*.py", "*.yaml")))


def _is_project(path: Path) -> bool:
    """Return whether a folder is the project worked in, or one with more than agents.

    Any other folder is looked at whole, so that no agent beside its `agents/` is missed.
    """
    marks = ("graphs", "scenarios", ".ensemble")
    return path.resolve() == project_of().root or any((path / mark).is_dir() for mark in marks)


def _sorted(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return [path for path in found if path.name[0] not in "._"]


def _faults_of(path: Path) -> list[EnsembleError]:
    try:
        match path.suffix:
            case ".py":
                return _faults_of_graph(path)
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


def _faults_of_graph(path: Path) -> list[EnsembleError]:
    if is_own(path):
        return graph_faults(path)
    parse_graph(path)
    return []
