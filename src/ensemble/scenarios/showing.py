"""What is shown before any model is called: an agent, its chain of models, a drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ensemble.agents.library import Agent, load_agent, load_agents
from ensemble.config import Settings, load_settings
from ensemble.errors import UsageError, closest
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import Topology
from ensemble.graph.walk import Walk
from ensemble.models.forms import Forms
from ensemble.models.policy import Policy
from ensemble.models.price_table import price_source
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate
from ensemble.models.registry import PROFILES, model_at
from ensemble.models.selection import Wishes, resolve
from ensemble.scenarios.agent_view import shown
from ensemble.scenarios.graphs import find_topology, graph_files
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.performance import wishes_of
from ensemble.scenarios.runs import run_folder
from ensemble.scenarios.walked import walked


def agent_named(name: str | None) -> Agent:
    """Return the project's agent called `name`, or the one in the file of that path.

    Raises:
        UsageError: no name was given.
    """
    if name is not None and ("/" in name or name.endswith((".md", ".toml"))):
        return load_agent(name)
    library = load_agents()
    if name is None:
        raise UsageError(
            "an agent's name is missing", where="NAME", fix=f"one of: {', '.join(library)}"
        )
    return library.find(name, where="NAME")


def agent_view(name: str | None, role: str | None, **given: Any) -> dict[str, Any]:
    """Return an agent of the project, or of a file, as a turn would use it."""
    return shown(agent_named(name), load_agents(), role, **given)


async def chain_of(
    name: str | None, profile: str | None = None, *, probe: bool = False
) -> list[dict[str, Any]]:
    """Return an agent's chain as it would be asked here and now; without a name, every agent's.

    Args:
        name: the agent, or its file.
        profile: a situation that agents name a profile for, or a profile itself.
        probe: first ask each model that can be asked which form of answer it holds to.

    Raises:
        UsageError: there is no such profile.
    """
    agents = list(load_agents().values()) if name is None else [agent_named(name)]
    settings, probes = load_settings(), Probes()
    forms = Forms(settings)
    wishes = {agent.name: _wishes(agent, profile) for agent in agents}

    async def resolved() -> dict[str, tuple[Candidate, ...]]:
        return {
            agent: await resolve(wished, settings=settings, probes=probes, every=True)
            for agent, wished in wishes.items()
        }

    chains = await resolved()
    if probe:
        await _probe(chains, settings, forms, probes)
        chains = await resolved()
    return [
        {
            "agent": agent,
            "profile": wishes[agent].profile,
            "chain": [
                asdict(item) | _facts(item) | {"form_from": await _form_from(item, forms, probes)}
                for item in chain
            ],
        }
        for agent, chain in chains.items()
    ]


async def _probe(
    chains: Mapping[str, Sequence[Candidate]], settings: Settings, forms: Forms, probes: Probes
) -> None:
    """Ask every model of the chains that can be asked, whatever was found before."""
    from ensemble.models.form_probe import probe_all
    from ensemble.models.providers import kept_open, providers_for

    items = (item for chain in chains.values() for item in chain)
    asked = [item for item in items if item.available and not forms.stated(item)]
    async with kept_open():
        await probe_all(
            asked,
            forms=forms,
            providers=providers_for(settings),
            probes=probes,
            policy=Policy.of(settings),
        )


async def _form_from(candidate: Candidate, forms: Forms, probes: Probes) -> dict[str, str | None]:
    """Return how the form of a candidate's answers is known, and since when."""
    if by := forms.stated(candidate):
        return {"how": f"by {by}", "on": None}
    version = await probes.version(candidate.provider, candidate.model)
    if found := forms.of(candidate, version):
        return {"how": found.how, "on": found.on}
    return {"how": "not asked yet" if forms.is_free(candidate) else "claimed", "on": None}


def _wishes(agent: Agent, profile: str | None) -> Wishes:
    situations = agent.spec.model_selection.profiles
    if profile is None or profile in situations:
        return wishes_of(agent.spec, profile or "default")
    if profile not in PROFILES:
        fix = closest(profile, {*situations, *PROFILES}, kind="profile")
        raise UsageError(f"no profile is called {profile!r}", where="--profile", fix=fix)
    return replace(wishes_of(agent.spec), profile=profile)


def _facts(candidate: Candidate) -> dict[str, Any]:
    """Return what is known of a candidate beside how it is asked, each figure with its source."""
    known = model_at(candidate.provider, candidate.model)
    priced = any(candidate.usd_per_mtok or ())
    source = price_source(candidate.provider, candidate.model) if priced else None
    return {
        "size": known.size if known else None,
        "can": list(known.can) if known else None,
        "scores": dict(known.scores) if known else None,
        "scores_from": asdict(known.scores_from) if known and known.scores_from else None,
        "price_from": asdict(source) if source else None,
    }


@dataclass(frozen=True)
class Drawn:
    """What a drawing shows."""

    topology: Topology
    members: Mapping[str, Sequence[str]] | None = None
    """Who sits where; None is the topology's own cast."""
    asking: Sequence[str] | None = None
    """Seats joined to the lab: those that may ask it, or, of a run, did; None is all of them."""
    walk: Walk | None = None
    """The way that a run took."""


def drawn(what: str) -> Drawn:
    """Return what the drawing of a graph, a scenario or a run shows.

    A scenario's cast is shown; a graph by itself has its own; a run shows the way it took.

    Args:
        what: a graph's name or file, a scenario's file, or a run's id or folder.

    Raises:
        UsageError: there is none of these.
    """
    if what.endswith((".yaml", ".yml")):
        return _scenario(load_scenario(what).ensemble)
    if what.endswith(".py") or what in graph_files():
        return Drawn(find_topology(what, where="GRAPH"))
    try:
        folder = run_folder(what)
    except UsageError as error:
        if what.startswith("r-") or "/" in what:
            raise
        fix = closest(what, graph_files(), kind="graph")
        problem = f"no graph and no run is called {what!r}"
        raise UsageError(problem, where="WHAT", fix=fix) from error
    run = walked(folder)
    return Drawn(run.topology, run.members, run.asked_lab, run.walk)


def _scenario(ensemble: Ensemble) -> Drawn:
    seats = ensemble.topology.seats
    members = {name: [member.agent.name for member in ensemble.at(name)] for name in seats}
    asking = [
        member.seat
        for member, role in ensemble.nodes()
        if ensemble.tools and ensemble.castings[member.path, role].tool_mode
    ]
    return Drawn(ensemble.topology, members, asking)
