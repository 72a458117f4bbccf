"""Topologies found by name: the project's own `graphs/` first, then the built-in ones.

A `graphs/*.py` file is code that its owner runs, like a conftest.
"""

import ast
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import EnumType
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from ensemble.config import Project, library_folder, project_of
from ensemble.errors import InvalidFile, closest, raise_all
from ensemble.graph.routing import Condition
from ensemble.graph.soundness import Places, faults_of
from ensemble.graph.topology import Edge, Topology

_CAST: Final = TypeAdapter(Mapping[str, str | tuple[str, ...]])
_TAKES: Final = {
    kind.__name__: [field.name for field in fields(kind)] for kind in (Edge, Topology, Condition)
}


def graph_files(project: Project | None = None) -> dict[str, Path]:
    """Return the graph files by name; a project's own win."""
    found: dict[str, Path] = {}
    for folder in (project or project_of()).folders("graphs"):
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, path)
    return found


def find_topology(
    name: str, project: Project | None = None, *, beside: Path | None = None, where: str = "graph"
) -> Topology:
    """Return the topology called `name`, or the one in the file of that path.

    Args:
        name: a name, or the path of a `.py` file.
        project: whose `graphs/` to look in.
        beside: the folder a path is relative to.
        where: file and line that name it, for errors.

    Raises:
        InvalidFile: there is none, or the file holds no `topology`.
    """
    return load_topology(graph_file(name, project, beside=beside, where=where))


def graph_file(
    name: str, project: Project | None = None, *, beside: Path | None = None, where: str = "graph"
) -> Path:
    """Return the file of a graph without running it; arguments as in `find_topology`.

    Raises:
        InvalidFile: there is none.
    """
    if name.endswith(".py"):
        path = (beside or Path()) / name
        if not path.is_file():
            raise InvalidFile(f"there is no file {name!r}", where=where, fix="mend the path")
        return path
    files = graph_files(project)
    if name not in files:
        raise InvalidFile(
            f"no graph is called {name!r}", where=where, fix=closest(name, files, kind="graph")
        )
    return files[name]


def is_own(path: Path) -> bool:
    """Whether a file belongs to the project that is worked in, so that its code may run."""
    root = project_of().root
    inside = path.resolve()
    return inside.is_relative_to((library_folder() / "graphs").resolve()) or (
        inside.is_relative_to(root) and project_of(inside.parent).root == root
    )


def parse_graph(path: Path) -> None:
    """Read a graph file that must not be run.

    Raises:
        InvalidFile: it is no Python.
    """
    try:
        ast.parse(path.read_text(errors="replace"), filename=str(path))
    except SyntaxError as error:
        where = f"{path}:{error.lineno or 1}:{error.offset or 1}"
        raise InvalidFile(f"is no Python: {error.msg}", where=where, fix="mend the line") from error


def load_topology(path: Path) -> Topology:
    """Run a graph file and return its `topology`.

    Raises:
        InvalidFile: the file fails, or holds none.
        GraphFault: its topology is not sound (`Faults` for several).
    """
    topology, place = read_graph(path)
    raise_all(faults_of(topology, place))
    return topology


def read_graph(path: Path) -> tuple[Topology, Places]:
    """Run a graph file and return its `topology`, sound or not, and where its edges stand.

    Raises:
        InvalidFile: the file fails, or holds none.
    """
    spec = importlib.util.spec_from_file_location(f"ensemble_graph_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InvalidFile("is no Python file", where=str(path), fix="name a `.py` file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidFile(
            f"the graph file fails: {type(error).__name__}: {error}",
            where=f"{path}:{_line_of(error, path)}:1",
            fix=_fix_of(error),
        ) from error
    topology: Any = getattr(module, "topology", None)
    if not isinstance(topology, Topology):
        raise InvalidFile(
            "holds no topology",
            where=f"{path}:1:1",
            fix="add `topology = Topology(name=…, edges=(…))`",
        )
    try:
        _CAST.validate_python(topology.cast)
    except ValidationError as error:
        raise InvalidFile(
            "the cast names seats and agents otherwise than can be read",
            where=f"{path}:1:1",
            fix='write `cast={"SEAT": "AGENT", "PANEL": ("AGENT", "AGENT")}`',
        ) from error
    lines = _edge_lines(path)

    def place(number: int | None) -> str:
        # Edges that a program makes stand on no lines of their own.
        if number is None or len(lines) != len(topology.edges):
            return f"{path}:1:1"
        return f"{path}:{lines[number]}:1"

    return topology, place


def _edge_lines(path: Path) -> list[int]:
    """Return the lines on which a graph file names an `Edge`, in order."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return sorted(
        call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Edge"
    )


def _line_of(error: BaseException, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    at, trace = 1, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            at = trace.tb_lineno
        trace = trace.tb_next
    return at


def _fix_of(error: Exception) -> str:
    """Return what to write where the file does not fit what graphs are made of."""
    if isinstance(error, AttributeError) and isinstance(error.obj, EnumType):
        return closest(str(error.name), error.obj.__members__)
    if isinstance(error, (AttributeError, TypeError)) and "'function'" in str(error):
        return "put brackets behind each condition: `split() & ~unsure()`"
    made, _, told = str(error).partition(".__init__() ")
    if isinstance(error, TypeError) and made in _TAKES:
        takes = f"{made} takes {', '.join(_TAKES[made])}"
        unknown = re.search(r"unexpected keyword argument '(\w+)'", told)
        near = closest(unknown[1], _TAKES[made]) if unknown else ""
        return f"{near} {takes}" if near.startswith("did") else takes
    return "mend the file"
