"""A scenario file read with everything it names, and every fault of all of them at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ensemble.agents.library import Library, load_agents
from ensemble.config import Project, project_of
from ensemble.errors import EnsembleError, Faults, InvalidFile, closest, raise_all
from ensemble.graph.fitness import misfits
from ensemble.graph.seating import Ensemble, Member, Rules, seat
from ensemble.graph.topology import Topology
from ensemble.scenarios.consistency import check_lab, check_names, check_positions, check_recording
from ensemble.scenarios.edges import inline_topology
from ensemble.scenarios.graphs import graph_file, is_own, load_topology, parse_graph
from ensemble.scenarios.reading import Reader, as_mapping, merged, read, validated
from ensemble.scenarios.spec import SLUG, Scenario, Seated
from ensemble.strict_yaml import Document

BASE: Final = "base"
_ADDED_BY_CASE: Final = frozenset({"id"})
_TOPOLOGY: Final = frozenset({"graph", "edges"})


@dataclass(frozen=True)
class Loaded:
    """One case of a scenario with everything it names, checked."""

    path: Path
    case: str | None
    scenario: Scenario
    project: Project
    ensemble: Ensemble
    workspace: Path | None
    recording: Path | None
    """Where this case's recording is, or would be, kept."""


def case_ids(path: Path) -> list[str | None]:
    """Return the scenario's cases: None for the base, then each id.

    Raises:
        InvalidFile: the file cannot be read, or a case has no id.
    """
    document = read(path)
    return [None, *_listed_ids(as_mapping(document), document)]


def load_scenario(path: str | Path, *, case: str | None = None, runs_graphs: bool = True) -> Loaded:
    """Read a scenario and all it names.

    Args:
        path: the YAML file.
        case: a case's id; None or `base` is the base.
        runs_graphs: whether a graph file of another project may be run; else its cast is
            left unchecked and the result holds no ensemble.

    Raises:
        InvalidFile: something does not fit (`Faults` for several).
    """
    place = Path(path)
    document = read(place)
    raw = as_mapping(document)
    reader = Reader(place, document, _index_of(raw, case, document))
    if reader.case_index is not None:
        chosen = cast("Mapping[str, Any]", raw["cases"][reader.case_index])
        if _TOPOLOGY & chosen.keys():  # one stands in for the other
            raw = {k: v for k, v in raw.items() if k not in _TOPOLOGY}
        raw = merged(raw, {k: v for k, v in chosen.items() if k not in _ADDED_BY_CASE})
    scenario = validated(raw, reader)
    project = project_of(place.resolve().parent)
    library = load_agents(*project.folders("agents"))
    topology = (
        inline_topology(scenario, library, reader)
        if scenario.edges
        else _topology(scenario, project, reader, runs_graphs=runs_graphs)
    )
    workspace = None
    if "inputs" not in reader.left_out:
        workspace = _workspace(scenario, reader)
        check_lab(scenario, workspace, reader)
    check_positions(scenario, reader)
    check_recording(scenario, project, reader)
    ensemble = _seated(scenario, topology, library, reader)
    if ensemble is not None:
        reader.faults += misfits(ensemble, where=reader.where("decision", "quorum"))
        check_names(scenario, ensemble, reader)
    raise_all(list({str(fault): fault for fault in reader.faults}.values()))
    kept = scenario.recording.dir
    case = None if case == BASE else case
    recording = place.parent / kept / (case or BASE) if kept else None
    return Loaded(place, case, scenario, project, cast("Ensemble", ensemble), workspace, recording)


def _listed_ids(raw: Mapping[str, Any], document: Document) -> list[str]:
    cases: Any = raw.get("cases") or []
    if not isinstance(cases, list):
        raise InvalidFile(
            "cases: a list is expected",
            where=document.where("cases"),
            fix="begin each with `- id:`",
        )
    ids: list[str] = []
    for index, item in enumerate(cast("list[Any]", cases)):
        named = cast("dict[str, Any]", item).get("id") if isinstance(item, dict) else None
        if not isinstance(named, str) or not _is_case_id(named) or named in ids:
            raise InvalidFile(
                f"cases: {named!r} cannot be a case's id",
                where=document.where("cases", index),
                fix="give each case an `id:` of its own: lower-case, digits, hyphens; "
                "not base or all",
            )
        ids.append(named)
    return ids


def _is_case_id(name: str) -> bool:
    return bool(re.fullmatch(SLUG, name)) and name not in (BASE, "all")


def _index_of(raw: Mapping[str, Any], case: str | None, document: Document) -> int | None:
    ids = _listed_ids(raw, document)
    if case in (None, BASE):
        return None
    if case not in ids:
        raise InvalidFile(
            f"no case is called {case!r}",
            where=document.where("cases") if ids else document.where(),
            fix=closest(case, ids, kind="case"),
        )
    return ids.index(case)


def _topology(
    scenario: Scenario, project: Project, reader: Reader, *, runs_graphs: bool
) -> Topology | None:
    if reader.left_out & _TOPOLOGY:
        return None
    try:
        path = graph_file(
            scenario.graph, project, beside=reader.path.parent, where=reader.where("graph")
        )
        if runs_graphs or is_own(path):
            return load_topology(path)
        parse_graph(path)
    except Faults as several:
        reader.faults += several.faults
    except InvalidFile as fault:
        reader.faults.append(fault)
    return None


def _workspace(scenario: Scenario, reader: Reader) -> Path | None:
    named = scenario.inputs.workspace
    if named is None:
        if scenario.inputs.files:
            reader.fault(
                "inputs.files are of a workspace, and there is none",
                "inputs",
                "files",
                fix="add `workspace:` to the inputs",
            )
        return None
    folder = reader.path.parent / named
    if not folder.is_dir():
        reader.fault(
            f"the workspace {named!r} is no folder",
            "inputs",
            "workspace",
            fix=f"make {folder}, or name a folder relative to the scenario file",
        )
        return None
    for index, name in enumerate(scenario.inputs.files):
        inside = (folder / name).resolve()
        if not inside.is_relative_to(folder.resolve()) or not inside.is_file():
            listed = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
            reader.fault(
                f"the workspace has no file {name!r}",
                "inputs",
                "files",
                index,
                fix=closest(name, listed, kind="file"),
            )
    return folder


def _seated(
    scenario: Scenario, topology: Topology | None, library: Library, reader: Reader
) -> Ensemble | None:
    """Find every agent of the cast; seat them where there is a graph to sit in."""
    given: dict[str, Any] = {**(topology.cast if topology else {}), **scenario.cast}
    members: list[Member] = []
    lost: set[str] = set()
    for name, held in given.items():
        listed = list(cast("Sequence[Any]", held)) if isinstance(held, (list, tuple)) else None
        for index, item in enumerate([held] if listed is None else listed):
            steps = ("cast", name) if listed is None else ("cast", name, index)
            path = name if listed is None else f"{name}[{index}]"
            one = item if isinstance(item, Seated) else Seated(agent=item)
            where = reader.where(*steps)
            try:
                agent = library.find(one.agent, where=where)
            except EnsembleError as fault:
                reader.faults += _faults_of_file(library, one.agent) or [fault]
                lost.add(name)
                continue
            members.append(Member(name, path, agent, one.mode, one.tools, where))
    if topology is None or "cast" in reader.left_out:
        return None
    block = scenario.decision
    rules = Rules(block.rule, block.quorum, block.on_gate_failed, block.ask_in, block.weights)
    try:
        return seat(
            topology,
            members,
            choices=scenario.choices,
            rules=rules,
            tools=scenario.lab.allow,
            where=reader.where("cast"),
        )
    except Faults as several:
        faults = several.faults
    except EnsembleError as fault:
        faults = (fault,)
    empty = tuple(f"nobody sits at {name!r}" for name in lost)
    reader.faults += [fault for fault in faults if not fault.problem.startswith(empty)]
    return None


def _faults_of_file(library: Library, agent: str) -> list[EnsembleError]:
    """Return all that is wrong with the file that should hold `agent`."""
    return [f for f in library.faults if Path(f.where.partition(":")[0]).stem == agent]
