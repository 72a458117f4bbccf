"""The agent files of a folder, or one of them, checked among those that they may name.

An agent may hand over to any other of its folder, of its project, and to the built-in ones;
the project's scenarios say which seats it is given.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ensemble.agents.library import Agent, load_agents
from ensemble.checks.run import check_agents
from ensemble.checks.subject import Seating
from ensemble.config import Project, project_of
from ensemble.errors import EnsembleError
from ensemble.scenarios.checked import Checked
from ensemble.scenarios.loading import Loaded, case_ids, load_scenario

if TYPE_CHECKING:
    from ensemble.graph.seating import Ensemble


def check_agent_files(place: Path) -> Checked:
    """Check the agents of a folder, or one file among its neighbours."""
    project = project_of(place.resolve().parent if place.is_file() else place.resolve())
    library = load_agents(place, cached=True)
    inside = place.resolve().is_relative_to(project.root)
    found = check_agents(
        library,
        beside=_beside(place, project),
        seatings=_seatings(project) if inside else (),
        cached=True,
    )
    refused = dict.fromkeys(problem.file for problem in found)
    agents = {agent.path: agent for agent in (*library.agents.values(), *library.twins)}
    skipped = [skip.path for skip in library.skipped]
    return Checked(
        files=tuple(dict.fromkeys([*agents, *skipped, *refused])),
        loaded=len({agent.path for agent in library.agents.values()}),
        skipped=library.skipped,
        repaired={path: agent.repairs for path, agent in agents.items() if agent.repairs},
        problems=tuple(found),
    )


def seatings_of(loaded: Loaded) -> Iterable[Seating]:
    """Yield the seats that a scenario gives, role by role."""
    ensemble = cast("Ensemble | None", loaded.ensemble)  # None where a foreign graph seats them
    for member, role in ensemble.nodes() if ensemble else ():
        yield Seating(member.agent.name, role, f"{loaded.path.name}:{_line(member.where)}")


def _beside(place: Path, project: Project) -> dict[str, Agent]:
    """Return the agents that those of `place` may name besides each other."""
    folders = [f for f in project.folders("agents") if f.resolve() != place.resolve()]
    beside = dict(load_agents(*folders, cached=True).agents) if folders else {}
    if place.is_file():
        neighbours = [path for path in sorted(place.parent.glob("*.md")) if path != place]
        beside |= load_agents(*neighbours, cached=True).agents if neighbours else {}
    return beside


def _seatings(project: Project) -> Sequence[Seating]:
    """Return the seats that the project's scenarios give; one that is wrong gives none."""
    found: list[Seating] = []
    for path in sorted((project.root / "scenarios").glob("*.yaml")):
        try:
            for case in case_ids(path):
                found += seatings_of(load_scenario(path, case=case, runs_graphs=False))
        except EnsembleError:
            continue
    return found


def _line(where: str) -> str:
    return where.rpartition(":")[0].rpartition(":")[2]
