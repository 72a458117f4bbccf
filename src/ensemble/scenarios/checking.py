"""Every file of a project read and checked; every problem of all of them at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ensemble.agents.library import Skipped
from ensemble.agents.repairs import Repair
from ensemble.checks.problem import Problem
from ensemble.checks.run import in_order, problem_of
from ensemble.config import project_of
from ensemble.errors import EnsembleError, Faults, InvalidFile, UsageError
from ensemble.scenarios.agent_files import AgentFiles, check_agent_files
from ensemble.scenarios.graphs import is_own, load_topology, parse_graph
from ensemble.scenarios.loading import case_ids, load_scenario

_AGENTS: Final = (".md", ".toml")
_CODES: Final = {".py": "E021", ".yaml": "E022", ".yml": "E022"}
_KINDS: Final = {"agents": ("*.md",), "graphs": ("*.py",), "scenarios": ("*.yaml",)}
_NO_KIND: Final = "E023"


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong."""

    files: tuple[str, ...]
    """All that were looked at, those passed over among them."""
    loaded: int
    """How many of them are agents, graphs and scenarios that can be used."""
    skipped: tuple[Skipped, ...]
    repaired: Mapping[str, tuple[Repair, ...]]
    """File to what was mended to read it."""
    problems: tuple[Problem, ...]

    def status(self, *, strict: bool) -> int:
        """Return the exit status: 3 for an error, and for a warning where that is `strict`."""
        failing = {"error", "warning"} if strict else {"error"}
        failed = any(problem.severity in failing for problem in self.problems)
        return InvalidFile.status if failed else 0

    def document(self) -> dict[str, Any]:
        """Return it as the one JSON document of `ensemble check`."""
        return {
            "schema": "ensemble/check@1",
            "files": len(self.files),
            "loaded": self.loaded,
            "skipped": [{"file": skip.path, "reason": skip.reason} for skip in self.skipped],
            "repaired": [
                {
                    "file": file,
                    "repairs": [
                        {"code": r.code, "message": r.message, "line": r.line} for r in repairs
                    ],
                }
                for file, repairs in self.repaired.items()
            ],
            "problems": [
                {
                    "code": problem.code,
                    "severity": problem.severity,
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "message": problem.message,
                    "fix": problem.fix,
                }
                for problem in self.problems
            ],
        }


def check(paths: Sequence[Path] = ()) -> Checked:
    """Check files and folders; without any, the whole project.

    A graph file is run only where it is the project's own: checking a foreign folder never
    runs its code.

    Raises:
        UsageError: a path does not exist, or nothing there can be checked.
    """
    agents: list[AgentFiles] = []
    others: dict[Path, list[Problem]] = {}
    for place in dict.fromkeys(_places(paths or [project_of().root], whole=not paths)):
        if place.is_dir() or place.suffix in _AGENTS:
            agents.append(check_agent_files(place))
        else:
            code = _CODES.get(place.suffix, _NO_KIND)
            others[place] = [problem_of(fault, code) for fault in _faults_of(place)]
    files = dict.fromkeys([*(f for each in agents for f in each.files), *map(str, others)])
    if not files:
        raise UsageError(
            "there is nothing to check",
            where=", ".join(map(str, paths)) or str(Path.cwd()),
            fix="name an agent (.md), a graph (.py) or a scenario (.yaml)",
        )
    problems = [p for each in [*(each.problems for each in agents), *others.values()] for p in each]
    return Checked(
        files=tuple(map(_shown, files)),
        loaded=sum(each.loaded for each in agents) + sum(not found for found in others.values()),
        skipped=tuple(
            Skipped(_shown(skip.path), skip.reason) for each in agents for skip in each.skipped
        ),
        repaired={_shown(f): r for each in agents for f, r in each.repaired.items()},
        problems=tuple(in_order(replace(p, file=_shown(p.file)) for p in problems)),
    )


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
