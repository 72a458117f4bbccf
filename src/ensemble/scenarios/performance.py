"""One run from start to decision, whoever started it.

A `Plan` is what is to be run, a `Stage` is what it runs on. A live run, a replay and a
resumed one differ only in their journal and in what stands behind the stage.
"""

import asyncio
import platform
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from ensemble.agents.prompt import Briefing
from ensemble.agents.spec import AgentSpec
from ensemble.config import Settings
from ensemble.errors import (
    CannotWrite,
    DiskFull,
    Diverged,
    EnsembleError,
    NoModelLeft,
    OverLimit,
    Paused,
)
from ensemble.graph.lab_desk import LabDesk, Measures, Request
from ensemble.graph.person import AskPerson, all_paused, nobody
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.seating import Ensemble
from ensemble.graph.state import BEFORE, turns_of
from ensemble.journal.digest import digest
from ensemble.journal.run_journal import Journal
from ensemble.models.cost import without_unpriced
from ensemble.models.form_probe import probe_first
from ensemble.models.policy import Policy
from ensemble.models.probes import Probes
from ensemble.models.provider import EMBEDDED, Candidate, Params, Provider
from ensemble.models.selection import Wishes, resolve
from ensemble.roles import RunStatus

if TYPE_CHECKING:
    from ensemble.models.replies import Remembering, Replies
Chains = Mapping[str, tuple[Candidate, ...]]
"""Each seat's chain, by its path."""


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    name: str
    case: str | None
    ensemble: Ensemble
    briefing: Briefing
    chain: tuple[str, ...] = ()
    """Set: every seat uses this chain instead of its own."""
    profile: str = "default"
    params: Params = field(default_factory=Params)
    limits: Limits = field(default_factory=Limits)
    before: tuple[Mapping[str, Any], ...] = ()
    """What the lab measures first."""
    workspace_hash: str | None = None
    graph: Any = None
    """The ensemble compiled already; None compiles it for this run."""

    def inputs(self) -> dict[str, Any]:
        """Return what the run depends on, as the journal keeps it: a change is a divergence."""
        members = self.ensemble.members
        edges = [
            {
                "from": edge.source,
                "to": list(edge.targets),
                "role": edge.role,
                "when": edge.when.name if edge.when else None,
                "at_most": edge.at_most,
            }
            for edge in self.ensemble.topology.edges
        ]
        return {
            "scenario": self.name,
            "case": self.case,
            "task": self.briefing.task,
            "choices": list(self.briefing.choices),
            "graph": {"name": self.ensemble.topology.name, "edges": edges},
            "cast": {m.path: [m.agent.name, m.mode, m.tool_mode] for m in members},
            "agents": {
                m.agent.name: {"version": m.agent.spec.version, "sha256": m.agent.sha256}
                for m in members
            },
            "workspace": self.workspace_hash,
            "inputs": {
                "files": [name for name, _ in self.briefing.files],
                "facts": dict(self.briefing.facts),
            },
            "rules": asdict(self.ensemble.rules),
            "lab": [dict(raw) for raw in self.before],
            "tools": list(self.ensemble.tools),
            "models": {"chain": list(self.chain), "profile": self.profile, **asdict(self.params)},
        }


@dataclass(frozen=True)
class Stage:
    """What a run stands on; a replay's is empty."""

    settings: Settings = field(default_factory=Settings)
    providers: Mapping[str, Provider] = field(default_factory=dict[str, Provider])
    lab: Measures | None = None
    chains: Chains | None = None
    """Set: resolved already, by seat path."""
    probes: Probes | None = None
    """What was found out about models and servers already."""
    said: Callable[[str, str], None] | None = None
    person: AskPerson = nobody
    """Who answers where a person has to."""
    resumable: bool = True
    """Whether `ensemble resume` can go on with the run."""
    replies: "Replies | None" = None
    """What earlier runs were answered, where that may serve; None asks anew."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: RunStatus
    digest: str
    error: EnsembleError | None = None


async def perform(plan: Plan, journal: Journal, stage: Stage) -> Outcome:
    """Run the plan to its end; everything that happens is in the journal.

    Raises:
        Diverged: a replay asked something that its recording does not hold.
        CannotWrite: the journal could not be written (or `DiskFull`).
    """
    journal.note("run_started", "run", value=plan.inputs())
    journal.check_inputs()
    error: EnsembleError | None = None
    try:
        async with _within(plan.limits.wall_s, journal):
            await _play(plan, journal, stage)
    except Paused as fault:
        await journal.flush()
        return Outcome(RunStatus.PAUSED, digest(journal.events), fault)
    except (Diverged, CannotWrite, DiskFull):
        raise
    except EnsembleError as fault:
        error = fault
    except asyncio.CancelledError:  # without an end in its journal it can be resumed
        await asyncio.shield(journal.flush())
        raise
    status = _status(error)
    made = digest(journal.events)
    told = {"error": str(error)} if error else {}
    journal.note("run_ended", "run", value={"status": status.value, "digest": made, **told})
    await journal.flush()
    if stage.replies is not None:
        await asyncio.to_thread(stage.replies.shrink)
    return Outcome(status, made, error)


async def context_for(plan: Plan, journal: Journal, stage: Stage) -> RunContext:
    """Return the context of a run: chains resolved once, for this run and all its replays."""
    found = await journal.settle("resolved", "resolved", lambda: _found(plan, stage))
    told = {path: tuple(map(Candidate.read, listed)) for path, listed in found["chains"].items()}
    chains = _priced(told, plan.limits)  # older recordings do not say whom money ruled out
    _refuse_unresolved(plan, chains, journal)
    people = {m.path for m in plan.ensemble.members if m.agent.is_person}
    _refuse_without_model({path: chain for path, chain in chains.items() if path not in people})
    return RunContext(
        journal=journal,
        briefing=plan.briefing,
        chains=chains,
        providers=stage.providers,
        lab=LabDesk(journal, stage.lab, plan.limits.lab_s),
        limits=plan.limits,
        params=plan.params,
        policy=Policy.of(stage.settings),
        seed=found["seed"],
        said=stage.said,
        person=stage.person,
        resumable=stage.resumable,
        remembering=_remembering(stage, journal),
    )


def wishes_of(spec: AgentSpec, profile: str = "default") -> Wishes:
    """Return what an agent's file wishes for in a situation: `default`, `batch` …."""
    selection = spec.model_selection
    return Wishes(
        model=spec.model,
        fallbacks=spec.model_fallbacks,
        minimum_tier=selection.minimum_tier,
        profile=selection.profiles.get(profile),
        priorities=selection.priorities,
    )


async def resolve_chains(
    plan: Plan, settings: Settings, probes: Probes
) -> dict[str, tuple[Candidate, ...]]:
    """Return each seat's chain as it would be asked here and now."""
    chains: dict[str, tuple[Candidate, ...]] = {}
    for member in plan.ensemble.members:
        if member.agent.is_person:
            chains[member.path] = ()
            continue
        wishes = replace(wishes_of(member.agent.spec, plan.profile), chain=plan.chain)
        chains[member.path] = await resolve(
            wishes, settings=settings, probes=probes, unpriced=plan.limits.asks_unpriced
        )
    return chains


@cache
def versions() -> dict[str, str]:
    """Return the versions that a run was made with; they are no part of its digest."""
    named = ("ensemble-panels", "langgraph", "langchain-core", "pydantic")
    return {"python": platform.python_version(), **{name: version(name) for name in named}}


async def _play(plan: Plan, journal: Journal, stage: Stage) -> None:
    """Measure first, then let LangGraph walk the graph."""
    import langsmith

    from ensemble.graph.compile import compile_graph

    run = await context_for(plan, journal, stage)
    requests = [Request(raw, BEFORE, name=raw.get("id")) for raw in plan.before]
    evidence, _ = await run.lab.measure(requests, (), 0)
    start = {"task": plan.briefing.task, "evidence": {item["id"]: item for item in evidence}}

    async def no_other(_: Ensemble, __: str) -> RunContext:
        return run

    graph = plan.graph or compile_graph(plan.ensemble, make_context=no_other)
    # A variable left in the shell must not send prompts out.
    tracing = cast("Any", langsmith)
    with tracing.tracing_context(enabled=None if stage.settings.tracing else False):
        state: dict[str, Any] = await graph.ainvoke(start, context=run)
    if run.paused:
        raise all_paused(run.paused)
    _refuse_silence(state, run)


async def _found(plan: Plan, stage: Stage) -> dict[str, Any]:
    chains, probes = stage.chains, stage.probes or Probes()
    if chains is None:
        chains = await resolve_chains(plan, stage.settings, probes)
    chains = await probe_first(
        _priced(chains, plan.limits),
        settings=stage.settings,
        providers=stage.providers,
        probes=probes,
    )
    return {
        "chains": {path: [asdict(c) for c in chain] for path, chain in chains.items()},
        "seed": plan.params.seed if plan.params.seed is not None else 0,
        "versions": await asyncio.to_thread(versions),
    }


def _priced(chains: Chains, limits: Limits) -> Chains:
    """Return the chains, where money is limited without those that nobody can price."""
    if limits.asks_unpriced:
        return chains
    return {path: without_unpriced(chain) for path, chain in chains.items()}


def _remembering(stage: Stage, journal: Journal) -> "Remembering | None":
    if stage.replies is None or journal.replaying:
        return None
    from ensemble.models.replies import Remembering

    return Remembering(journal, stage.replies)


def _refuse_unresolved(plan: Plan, chains: Collection[str], journal: Journal) -> None:
    """Refuse a cast with seats that the recorded run did not have."""
    new = [m.path for m in plan.ensemble.members if m.path not in chains]
    if new:
        journal.divergence.raise_first(())
        raise Diverged(
            "the recorded run had no such seat", where=new[0], fix="undo the change of the cast"
        )


def _refuse_without_model(chains: Mapping[str, tuple[Candidate, ...]]) -> None:
    for path, chain in chains.items():
        if not any(candidate.available for candidate in chain):
            reasons = "".join(f"\n    {c.asked}: {c.reason}" for c in chain)
            raise NoModelLeft(
                f"no model can be asked{reasons}",
                where=path,
                fix="`ensemble doctor` says how to get one"
                if any(candidate.provider == EMBEDDED for candidate in chain)
                else "add `embedded` to the chain; `ensemble doctor` says how to get others",
            )


def _refuse_silence(state: Mapping[str, Any], run: RunContext) -> None:
    """Raise where not one seat answered because its models failed."""
    turns = turns_of(state)
    if turns and all(turn.status == "failed" for turn in turns):
        chain = run.chains[turns[0].path]
        raise NoModelLeft(
            f"no seat had an answer; the first: {turns[0].problem}",
            where=turns[0].key,
            fix=f"mend a cause named above ({len(chain)} candidates), then run again",
        )


@asynccontextmanager
async def _within(wall_s: float | None, journal: Journal) -> AsyncGenerator[None]:
    """Hold a live run to its wall time; a replay has no clock."""
    try:
        async with asyncio.timeout(None if journal.replaying else wall_s):
            yield
    except TimeoutError as error:
        await journal.settle("ruled", "run/deadline#0", lambda: wall_s, kind="deadline")
        raise OverLimit(
            f"the run took longer than {wall_s:g} s",
            where="run",
            fix="raise `limits.wall_s` in the scenario",
        ) from error


def _status(error: EnsembleError | None) -> RunStatus:
    if error is None:
        return RunStatus.COMPLETED
    return RunStatus.OVER_LIMIT if isinstance(error, OverLimit) else RunStatus.FAILED
