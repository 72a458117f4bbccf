"""What a loaded scenario will run, with what a command line sets over it; counted beforehand."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.agents.prompt import Briefing
from ensemble.canonical import tree_hash
from ensemble.config import Settings, load_settings
from ensemble.errors import UsageError
from ensemble.graph.bounds import Bounds, bounds_of
from ensemble.graph.person import AskPerson, nobody
from ensemble.graph.run_context import Limits
from ensemble.journal.redaction import Redactor, secrets_of_environment
from ensemble.models.probes import Probes
from ensemble.models.provider import EMBEDDED, Params, Provider
from ensemble.scenarios.loading import Loaded
from ensemble.scenarios.performance import Chains, Plan, resolve_chains

if TYPE_CHECKING:
    from ensemble.models.replies import Replies


@dataclass(frozen=True)
class Choices:
    """What a command line may set over a scenario."""

    chain: tuple[str, ...] = ()
    """Asks these models instead; a path that ends in .gguf is embedded."""
    answers: tuple[Path, ...] = ()
    """Folders that hold a person's answers."""
    record: bool = False
    """Keeps the run as the case's recording."""
    cache: bool | None = None
    """Answers from kept replies what was asked before; None is as the scenario says."""
    accept_changes: bool = False
    """Accepts load-bearing agents whose files have changed."""
    at_terminal: bool | None = None
    """Whether a person can answer now; None asks the terminal."""
    script: Provider | None = None
    """What `scripted` candidates answer, in tests."""
    by_hand: Provider | None = None
    """Answers for `manual` candidates, in place of a person."""
    person: AskPerson = nobody
    """Answers where a person has to."""
    said: tuple[str, ...] = ()
    """A person's answers to questions that wait: `[KEY=]TEXT`, or `[KEY=]@FILE`."""


def plan_of(loaded: Loaded, chain: tuple[str, ...] = ()) -> Plan:
    """Return what a loaded case runs, with the chain that a command line sets."""
    scenario, workspace = loaded.scenario, loaded.workspace
    params = scenario.models.params
    files = tuple(
        (name, (workspace / name).read_text(errors="replace"))
        for name in scenario.inputs.files
        if workspace is not None
    )
    limits = scenario.limits
    return Plan(
        name=scenario.name,
        case=loaded.case,
        ensemble=loaded.ensemble,
        briefing=Briefing(
            scenario.task,
            scenario.choices,
            files,
            tuple((name, str(value)) for name, value in sorted(scenario.inputs.facts.items())),
        ),
        chain=tuple(EMBEDDED if name.endswith(".gguf") else name for name in chain)
        or scenario.models.chain,
        profile=scenario.models.profile,
        params=Params(params.temperature, params.seed, params.max_tokens),
        limits=Limits(
            wall_s=limits.wall_s,
            usd=limits.usd,
            unpriced=limits.unpriced,
            tokens=limits.tokens,
            model_calls=limits.model_calls,
            lab_s=limits.lab_s,
            turn_s=limits.turn_s,
        ),
        before=tuple({"device": scenario.lab.device, **raw} for raw in scenario.lab.before),
        workspace_hash=tree_hash(workspace) if workspace else None,
    )


def settings_for(choices: Choices) -> Settings:
    """Return the user's settings, with the weights that a command line names."""
    settings = load_settings()
    named = [Path(name) for name in choices.chain if name.endswith(".gguf")]
    if not named:
        return settings
    if not named[0].is_file():
        raise UsageError("there is no such file", where=str(named[0]), fix="name a GGUF file")
    embedded = settings.embedded.model_copy(update={"gguf": named[0].resolve()})
    return settings.model_copy(update={"embedded": embedded})


def redactor_for(settings: Settings) -> Redactor:
    """Return the redactor of a live run: it knows the keys that the settings name, too."""
    named = [server.api_key_env for server in settings.providers.values()]
    given = {name: os.environ[name] for name in named if name and name in os.environ}
    return _redactor(frozenset({**secrets_of_environment(), **given}.items()))


def replies_for(
    settings: Settings, *wishes: bool | None, brought: Collection[str] = ()
) -> "Replies | None":
    """Return the replies of earlier runs, where they may answer; None where they may not.

    Args:
        settings: the user's, which count where nobody wishes anything.
        wishes: whether to use them, the strongest wish first; None is none.
        brought: providers of the caller's own, whose replies are not kept.
    """
    if not next((wish for wish in wishes if wish is not None), settings.models.cache):
        return None
    from ensemble.models.providers import addresses
    from ensemble.models.replies import Replies

    clean = redactor_for(settings).clean
    known = {name: at for name, at in addresses(settings).items() if name not in brought}
    return Replies(known, clean, settings.models.cache_mib * 2**20)


@lru_cache(maxsize=4)
def _redactor(secrets: frozenset[tuple[str, str]]) -> Redactor:
    """Return one redactor for all runs with the same secrets: what it has cleaned it knows."""
    return Redactor(dict(secrets))


async def chains_within_limits(
    plan: Plan, settings: Settings, probes: Probes, *, where: str
) -> Chains:
    """Return each seat's chain as it would be asked here and now.

    Raises:
        OverLimit: even if nothing went wrong the run would be over the limit that it names.
    """
    chains = await resolve_chains(plan, settings, probes)
    _counted(plan, chains).refuse_over(plan.limits, where=where)
    return chains


async def bounds_for(plan: Plan, settings: Settings) -> Bounds:
    """Count a plan beforehand, with the chains as they would be asked here and now."""
    return _counted(plan, await resolve_chains(plan, settings, Probes()))


def _counted(plan: Plan, chains: Chains) -> Bounds:
    return bounds_of(
        plan.ensemble,
        plan.briefing,
        chains,
        params=plan.params,
        before=plan.before,
        lab_s=plan.limits.lab_s,
        turn_s=plan.limits.turn_s,
    )
