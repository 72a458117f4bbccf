"""Load-bearing agents: a file that others rely on may not change unseen.

The first version seen in a project is taken as accepted; from then on its hash is kept in the
project, and a changed file is refused until a person says so, be the change that it bears no
load any more. Agents that never bore any are not asked about.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from ensemble.agents.library import Agent
from ensemble.agents.writing import write_text
from ensemble.errors import EnsembleError, Refused, raise_all

ACCEPTED: Final = Path(".ensemble") / "accepted-agents.json"


def accepted(root: Path) -> Mapping[str, str]:
    """Return name to hash of the load-bearing agents that a person accepted in a project.

    Raises:
        Refused: the project's list cannot be read, so that nothing in it can be relied on.
    """
    place = root / ACCEPTED
    try:
        return TypeAdapter(dict[str, str]).validate_json(place.read_bytes(), strict=True)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problem = "cannot be read: it is no map of agents' names to hashes"
        fix = "mend it, or remove it and accept the agents again"
        raise Refused(problem, where=str(place), fix=fix) from error


def require_accepted(agents: Iterable[Agent], root: Path, *, accept: bool = False) -> None:
    """Let a run begin only with load-bearing agents as a person accepted them.

    Args:
        agents: all who are seated.
        root: the project's folder.
        accept: whether the person accepts the files as they are now (`--accept-changes`).

    Raises:
        Refused: a load-bearing agent's file has changed.
        CannotWrite: the list cannot be written.
    """
    known = accepted(root)
    seated = [agent for agent in agents if agent.spec.load_bearing or agent.name in known]
    if not accept:
        faults: list[EnsembleError] = [
            Refused(
                f"agent {agent.name!r} is load-bearing, and its file is not the accepted"
                f" {known[agent.name][:12]} but {agent.sha256[:12]}",
                where=f"{agent.path}:1:1",
                fix="read what changed, then run again with --accept-changes",
            )
            for agent in seated
            if known.get(agent.name, agent.sha256) != agent.sha256
        ]
        raise_all(faults)
    others = {agent.name for agent in seated if not agent.spec.load_bearing}
    now = {**known, **{agent.name: agent.sha256 for agent in seated}}
    if accept:  # a file that bears no load any more is no longer asked about
        now = {name: digest for name, digest in now.items() if name not in others}
    if now != known:
        text = json.dumps(now, indent=2, sort_keys=True) + "\n"
        write_text(root / ACCEPTED, text)
