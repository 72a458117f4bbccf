"""A scenario checked against itself and against what it names: positions, lab, seats, folders."""

from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.config import Project
from ensemble.errors import EnsembleError, Faults, closest
from ensemble.graph.seating import Ensemble
from ensemble.lab.datasets import locate
from ensemble.lab.specs import TOOLS, Spec, read_spec
from ensemble.lab.training_specs import Evaluate
from ensemble.roles import KNOWN_TOOLS
from ensemble.scenarios.reading import Reader
from ensemble.scenarios.spec import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection


def check_positions(scenario: Scenario, reader: Reader) -> None:
    """Check that every position named is one of the choices."""
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


def check_lab(scenario: Scenario, workspace: Path | None, reader: Reader) -> None:
    """Check what is measured first, and what seats may measure."""
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
            name = str(raw.get("id", f"L{index + 1}"))
            if name in named:
                reader.fault(
                    f"{name!r} is measured already", "lab", "before", index, fix="rename one"
                )
            named.append(name)
        _check_dataset(spec, workspace, reader, index)
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


def _check_dataset(spec: Spec, workspace: Path | None, reader: Reader, index: int) -> None:
    dataset = getattr(spec, "dataset", None)
    if dataset is None or workspace is None:
        return
    try:
        locate(workspace, dataset)
    except EnsembleError as fault:
        steps = ("lab", "before", index, "dataset")
        reader.fault(f"{fault.where}: {fault.problem}", *steps, fix=fault.fix)


def check_recording(scenario: Scenario, project: Project, reader: Reader) -> None:
    """Keep recordings inside the project and off the folders that hold its sources."""
    if scenario.recording.dir is None:
        return
    folder = (reader.path.parent / scenario.recording.dir).resolve()
    taken = [project.root, *(project.root / name for name in ("agents", "graphs", "scenarios"))]
    if folder in taken or not folder.is_relative_to(project.root):
        reader.fault(
            f"recordings cannot be kept in {scenario.recording.dir!r}",
            "recording",
            "dir",
            fix=f"name a folder of their own, e.g. `recordings/{scenario.name}`",
        )


def check_names(scenario: Scenario, ensemble: Ensemble, reader: Reader) -> None:
    """Check what names a seat, an agent or a profile, which only the cast can tell."""
    seats, members = ensemble.topology.seats, ensemble.members
    profiles = {name for m in members for name in m.agent.spec.model_selection.profiles}
    known = {m.path for m in members} | {m.agent.name for m in members}
    order = scenario.expect.turns.order if scenario.expect.turns else ()
    gates = scenario.expect.evidence
    told = {str(raw.get("id", "")) for raw in scenario.lab.before}
    told |= {f"L{n}" for n in range(1, 100)}
    calls = scenario.expect.tool_calls.of if scenario.expect.tool_calls else ()
    listed = {tool for m in members for mode in m.agent.spec.tools.modes.values() for tool in mode}
    tools = {*TOOLS, *listed, *KNOWN_TOOLS}
    named: list[tuple[str, Collection[str], tuple[str | int, ...], str]] = [
        *((s, seats, ("expect", "turns", "order", n), "seat") for n, s in enumerate(order)),
        *((w, known, ("decision", "weights", w), "voter") for w in scenario.decision.weights),
        *(
            (c.tool, tools, ("expect", "never", n), "tool")
            for n, c in enumerate(scenario.expect.never)
        ),
        *((c.tool, tools, ("expect", "tool_calls", "of", n), "tool") for n, c in enumerate(calls)),
        *((g.id, told, ("expect", "evidence", n, "id"), "evidence") for n, g in enumerate(gates)),
        (scenario.models.profile, {"default", *profiles}, ("models", "profile"), "profile"),
    ]
    for name, among, steps, kind in named:
        if name not in among:
            reader.fault(f"there is no {kind} {name!r}", *steps, fix=closest(name, among))
