"""A scenario file read with everything it names, and every fault of all of them at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from pydantic import ValidationError

from ensemble.agents.library import Library, load_agents
from ensemble.config import Project, project_of
from ensemble.errors import EnsembleError, Faults, InvalidFile, closest, raise_all
from ensemble.graph.seating import Ensemble, Member, Rules, seat
from ensemble.graph.topology import Topology
from ensemble.lab.specs import TOOLS, Evaluate, read_spec
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.spec import Scenario, Seated
from ensemble.strict_yaml import Document, read_yaml

_ADDED_BY_CASE: Final = frozenset({"id"})


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


@dataclass
class _Reader:
    """One case being read: where its values stand, and what is wrong with them."""

    path: Path
    document: Document
    case_index: int | None = None
    faults: list[EnsembleError] = field(default_factory=list[EnsembleError])

    def where(self, *steps: str | int) -> str:
        """Return file:line:column of a value, in the case if it says so, else in the base."""
        if self.case_index is not None:
            inside = ("cases", self.case_index, *steps)
            if inside in self.document.marks:
                return self.document.where(*inside)
        return self.document.where(*steps)

    def fault(self, problem: str, *steps: str | int, fix: str) -> None:
        """Note one fault."""
        self.faults.append(InvalidFile(problem, where=self.where(*steps), fix=fix))


def case_ids(path: Path) -> list[str | None]:
    """Return the scenario's cases: None for the base, then each id.

    Raises:
        InvalidFile: the file cannot be read, or a case has no id.
    """
    raw = _as_mapping(_read(path))
    cases = cast("Sequence[Mapping[str, Any]]", raw.get("cases") or ())
    return [None, *(str(case.get("id")) for case in cases)]


def load_scenario(path: str | Path, *, case: str | None = None) -> Loaded:
    """Read a scenario and all it names.

    Args:
        path: the YAML file.
        case: a case's id; None is the base.

    Raises:
        InvalidFile: something does not fit (`Faults` for several).
    """
    place = Path(path)
    document = _read(place)
    raw = _as_mapping(document)
    reader = _Reader(place, document, _index_of(raw, case, document))
    if reader.case_index is not None:
        chosen = cast("Mapping[str, Any]", raw["cases"][reader.case_index])
        raw = _merged(raw, {k: v for k, v in chosen.items() if k not in _ADDED_BY_CASE})
    scenario = _validated(raw, reader)
    project = project_of(place.resolve().parent)
    library = load_agents(*project.folders("agents"))
    topology = _topology(scenario, project, reader)
    workspace = _workspace(scenario, reader)
    _check_lab(scenario, reader)
    _check_positions(scenario, reader)
    ensemble = None
    if topology is not None:
        ensemble = _seated(scenario, topology, library, reader)
    raise_all(reader.faults)
    kept = scenario.recording.dir
    recording = place.parent / kept / (case or "base") if kept else None
    return Loaded(place, case, scenario, project, cast("Ensemble", ensemble), workspace, recording)


def _read(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidFile(
            f"cannot be read: {error.strerror}", where=str(path), fix="name a scenario file"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidFile("is no UTF-8 text", where=f"{path}:1:1", fix="save as UTF-8") from error
    return read_yaml(text, path=str(path))


def _as_mapping(document: Document) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        raise InvalidFile(
            "a scenario is a mapping", where=document.where(), fix="begin with `schema: …`"
        )
    return cast("dict[str, Any]", document.value)


def _index_of(raw: Mapping[str, Any], case: str | None, document: Document) -> int | None:
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
        if not isinstance(named, str) or named in (*ids, "base", "all"):
            raise InvalidFile(
                f"cases: {named!r} cannot be a case's id",
                where=document.where("cases", index),
                fix="give each case an `id:` of its own, other than base and all",
            )
        ids.append(named)
    if case is None:
        return None
    if case not in ids:
        raise InvalidFile(
            f"no case is called {case!r}",
            where=document.where("cases") if ids else document.where(),
            fix=closest(case, ids, kind="case"),
        )
    return ids.index(case)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a case over the base: maps are merged, everything else is replaced."""
    merged = dict(base)
    for key, item in over.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(item, dict) and key != "cast":
            merged[key] = _merged(cast("dict[str, Any]", known), cast("dict[str, Any]", item))
        elif isinstance(known, dict) and isinstance(item, dict):
            merged[key] = {**known, **item}
        else:
            merged[key] = item
    return merged


def _validated(raw: Mapping[str, Any], reader: _Reader) -> Scenario:
    try:
        return Scenario.model_validate(dict(raw))
    except ValidationError as error:
        seen: set[str] = set()
        for item in error.errors():
            steps = [step for step in item["loc"] if _is_step(step)]
            name = ".".join(str(step) for step in steps)
            if name in seen:
                continue  # one value, several shapes it might have had
            seen.add(name)
            unknown = item["type"] == "extra_forbidden"
            problem = f"{name}: no such key" if unknown else f"{name}: {item['msg']}"
            where = reader.document.where_key(*steps) if unknown else reader.where(*steps)
            fix = _fix(steps, unknown=unknown)
            reader.faults.append(InvalidFile(problem, where=where, fix=fix))
        raise Faults(reader.faults) from error


def _is_step(step: str | int) -> bool:
    """Leave out what pydantic adds to a path to say which shape it tried."""
    return isinstance(step, int) or (step.replace("_", "").isalnum() and step not in (
        "str", "Seated", "int", "float", "bool"
    ))  # fmt: skip


def _fix(steps: Sequence[str | int], *, unknown: bool) -> str:
    if not unknown:
        return "mend the value; `ensemble schema scenario` says what fits"
    model: Any = Scenario
    for step in steps[:-1]:
        fields = getattr(model, "model_fields", {})
        model = fields[step].annotation if step in fields else None
    known = getattr(model, "model_fields", {})
    names = [str(item.alias or name) for name, item in known.items()]
    return closest(str(steps[-1]), names, kind="key") if names else "remove it"


def _topology(scenario: Scenario, project: Project, reader: _Reader) -> Topology | None:
    try:
        return find_topology(
            scenario.graph, project, beside=reader.path.parent, where=reader.where("graph")
        )
    except InvalidFile as fault:
        reader.faults.append(fault)
        return None


def _workspace(scenario: Scenario, reader: _Reader) -> Path | None:
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


def _check_lab(scenario: Scenario, reader: _Reader) -> None:
    named: list[str] = []
    if scenario.lab.before and scenario.inputs.workspace is None:
        reader.fault(
            "the lab measures a workspace, and there is none",
            "lab",
            fix="add `workspace:` to the inputs",
        )
    for index, raw in enumerate(scenario.lab.before):
        spec_raw = {key: item for key, item in raw.items() if key != "id"}
        try:
            spec = read_spec(spec_raw, where=reader.where("lab", "before", index))
        except Faults as several:
            reader.faults += several.faults
            continue
        except EnsembleError as fault:
            reader.faults.append(fault)
            continue
        finally:
            named.append(str(raw.get("id", f"L{index + 1}")))
        if isinstance(spec, Evaluate) and spec.of not in named[:-1]:
            reader.fault(
                f"of: nothing measured before is called {spec.of!r}",
                "lab",
                "before",
                index,
                fix=closest(spec.of, named[:-1], kind="result"),
            )
    for index, tool in enumerate(scenario.lab.allow):
        if tool not in TOOLS:
            reader.fault(
                f"the lab has no tool {tool!r}", "lab", "allow", index, fix=closest(tool, TOOLS)
            )


def _check_positions(scenario: Scenario, reader: _Reader) -> None:
    if not scenario.choices:
        return
    named: list[tuple[str | None, tuple[str, ...]]] = [
        (scenario.decision.on_gate_failed, ("decision", "on_gate_failed")),
        (scenario.expect.position, ("expect", "position")),
    ]
    for position, steps in named:
        if position is not None and position not in scenario.choices:
            reader.fault(
                f"{position!r} is none of the choices",
                *steps,
                fix=closest(position, scenario.choices),
            )


def _seated(
    scenario: Scenario, topology: Topology, library: Library, reader: _Reader
) -> Ensemble | None:
    given: dict[str, Any] = {**topology.cast, **scenario.cast}
    members: list[Member] = []
    before = len(reader.faults)
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
                reader.faults.append(fault)
                continue
            members.append(Member(name, path, agent, one.mode, one.tools, where))
    if len(reader.faults) > before:
        return None
    block = scenario.decision
    rules = Rules(block.rule, block.quorum, block.on_gate_failed, block.weights)
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
        reader.faults += several.faults
    except EnsembleError as fault:
        reader.faults.append(fault)
    return None
