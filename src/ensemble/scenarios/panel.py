"""Panels composed in Python: seats, agents, models, a task; a result.

The same run as a scenario's, with nothing written to disk unless a folder is named.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from ensemble.agents.library import Agent, load_agents
from ensemble.agents.prompt import Briefing
from ensemble.config import Settings, load_settings
from ensemble.errors import UsageError, closest, raise_all
from ensemble.graph.bounds import bounds_of
from ensemble.graph.fitness import misfits
from ensemble.graph.person import AskPerson, nobody
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.seating import Ensemble, Member, Rules, seat
from ensemble.graph.soundness import faults_of
from ensemble.graph.topology import Topology
from ensemble.journal.file import EVENTS, JournalFile
from ensemble.journal.run_journal import Journal
from ensemble.models.probes import Probes
from ensemble.models.provider import MANUAL, Candidate, Params, Provider
from ensemble.scenarios.graphs import find_topology, graph_file
from ensemble.scenarios.performance import Plan, Stage, context_for, perform, resolve_chains
from ensemble.scenarios.planning import redactor_for, replies_for
from ensemble.scenarios.result import Document, result_of
from ensemble.scenarios.spec import Positions

_IN_MEMORY: Final = "in-memory"
_POSITIONS: Final = TypeAdapter[tuple[str, ...]](Positions)
Cast = Mapping[str, "str | Agent | Sequence[str | Agent]"]
"""Seat to an agent, or several; by name or as loaded."""


@dataclass(frozen=True)
class Result:
    """What a panel decided, and how far to trust it."""

    document: Document
    """The whole result document, `ensemble/result@1`."""

    @property
    def authority(self) -> str:
        """decided, advisory, degraded, split or void."""
        return str(self.document["authority"])

    @property
    def position(self) -> str | None:
        """The position decided on."""
        decision: Document = self.document["decision"] or {}
        return decision.get("position")

    @property
    def reasons(self) -> list[str]:
        """What lowers the authority."""
        return list(self.document["authority_reasons"])

    @property
    def findings(self) -> list[Document]:
        """What was found."""
        return list(self.document["findings"])

    def __str__(self) -> str:
        decision: Document = self.document["decision"] or {}
        return f"{self.authority.upper()}: {self.position}\n{decision.get('result') or ''}".rstrip()


@dataclass(frozen=True)
class Panel:
    """Agents seated in a graph, ready to be given a task.

    Raises:
        InvalidFile: no graph has that name.
        UsageError: the choices are none that a scenario could have.

    Example:
        `Panel("review", models="embedded").run_sync("May this be promoted?")`
    """

    graph: str | Topology = "review"
    """A topology, or the name of one."""
    cast: Cast = field(default_factory=dict[str, "str | Agent"])
    """Who sits where; a seat not named keeps the topology's own agents."""
    models: Any = None
    """One model for all seats, or a mapping of seat to model; None resolves each agent's own.

    A model is a name, several names to ask in this order, any LangChain chat model or Runnable,
    or a provider: one async function."""
    choices: Sequence[str] = ()
    """Positions to choose from, each once: lower-case, digits, hyphens."""
    rules: Rules = field(default_factory=Rules)
    """How the decision is made."""
    limits: Limits = field(default_factory=Limits)
    """What a run may use."""
    params: Params = field(default_factory=Params)
    """Sampling parameters."""
    person: AskPerson = nobody
    """Answers where a person has to: one async function of a `Question`; None pauses the run."""

    def __post_init__(self) -> None:
        if isinstance(self.graph, str):
            graph_file(self.graph)
        try:
            _POSITIONS.validate_python(self.choices)
        except ValidationError as error:
            first = error.errors()[0]
            place = "".join(f"[{step}]" for step in first["loc"])
            raise UsageError(
                first["msg"],
                where=f"choices{place}",
                fix='name each once, in lower-case, digits and hyphens: `["ship", "not-yet"]`',
            ) from error

    async def run(self, task: str, *, folder: str | Path | None = None) -> Result:
        """Give the panel a task and return what it decides.

        Args:
            task: what is to be decided.
            folder: where the journal is kept; None keeps it in memory.

        Raises:
            NoModelLeft: a seat has no model that can be asked.
            OverLimit: even if nothing goes wrong the run is over its limits.
            Paused: a person has to answer, and `person` did not.
            InvalidFile: an agent, seat or graph does not exist, or does not fit the others.
        """
        from ensemble.models.providers import kept_open

        ensemble, settings = self._seated, load_settings()
        stage = await self._stage(ensemble, settings, Path(folder) if folder else None)
        plan = replace(self._plan(ensemble, task), graph=self._compiled)
        counted = bounds_of(ensemble, plan.briefing, stage.chains or {}, params=plan.params)
        counted.refuse_over(plan.limits, where="limits")
        run = Path(folder).name if folder else _IN_MEMORY
        file = JournalFile.create(Path(folder), run) if folder else None
        journal = Journal(run, file=file, redactor=redactor_for(settings))
        try:
            async with kept_open():
                outcome = await perform(plan, journal, stage)
        finally:
            journal.close()
        if outcome.error is not None:
            raise outcome.error
        where = str(Path(folder) / EVENTS) if folder else ""
        return Result(result_of(run, journal.events, journal=where))

    def run_sync(self, task: str, *, folder: str | Path | None = None) -> Result:
        """Do the same from code that is not async.

        Raises:
            UsageError: an event loop is running already; `await panel.run(…)` there.
        """
        refuse_in_loop("run_sync", fix="`await panel.run(…)`")
        return asyncio.run(self.run(task, folder=folder))

    def compile(self, *, checkpointer: Any = None, store: Any = None) -> Any:
        """Return the panel as a LangGraph graph: input `{"task": …}`, `decision` in its output.

        Args:
            checkpointer: any LangGraph checkpointer.
            store: any LangGraph store.
        """
        from ensemble.graph.compile import compile_graph

        return compile_graph(
            self._seated, make_context=self._context, checkpointer=checkpointer, store=store
        )

    @cached_property
    def _compiled(self) -> Any:
        """The graph, compiled once for all runs."""
        return self.compile()

    async def _context(self, ensemble: Ensemble, task: str) -> RunContext:
        from ensemble.models.providers import kept_open

        settings = await asyncio.to_thread(load_settings)  # a server's loop must not wait for it
        journal = Journal(_IN_MEMORY, redactor=redactor_for(settings))
        stage = await self._stage(ensemble, settings, None)
        run = await context_for(self._plan(ensemble, task), journal, stage)
        await run.until_decided.enter_async_context(kept_open())
        return run

    async def _stage(self, ensemble: Ensemble, settings: Settings, folder: Path | None) -> Stage:
        """Return what a run stands on; a person can hold a seat only where a folder is kept."""
        from ensemble.models.providers import providers_for

        brought, chains = await self._models(ensemble, settings)
        asked = {c.provider for chain in chains.values() for c in chain if c.available}
        if folder is None and asked == {MANUAL}:
            raise UsageError(
                "a person's prompts and answers need a folder to lie in",
                where="models",
                fix='`panel.run(task, folder="…")`',
            )
        manual = folder / "manual" if folder else None
        table = providers_for(
            settings, manual_folder=manual, at_terminal=True, clean=redactor_for(settings).clean
        )
        return Stage(
            settings=settings,
            providers={**table, **brought},
            chains=chains,
            person=self.person,
            resumable=False,
            replies=replies_for(settings, brought=brought),
        )

    def _plan(self, ensemble: Ensemble, task: str) -> Plan:
        return Plan(
            name=ensemble.topology.name,
            case=None,
            ensemble=ensemble,
            briefing=Briefing(task, tuple(self.choices)),
            params=self.params,
            limits=self.limits,
        )

    @cached_property
    def _seated(self) -> Ensemble:
        """Graph and cast, read and checked once; a panel never changes."""
        topology = find_topology(self.graph) if isinstance(self.graph, str) else self.graph
        raise_all(faults_of(topology))
        library = load_agents()
        members: list[Member] = []
        for name, held in {**topology.cast, **self.cast}.items():
            alone = isinstance(held, (str, Agent))
            for index, item in enumerate([held] if isinstance(held, (str, Agent)) else held):
                path = name if alone else f"{name}[{index}]"
                agent = item if isinstance(item, Agent) else library.find(item, where="cast")
                members.append(Member(name, path, agent))
        ensemble = seat(topology, members, choices=self.choices, rules=self.rules)
        raise_all(misfits(ensemble))
        return ensemble

    async def _models(
        self, ensemble: Ensemble, settings: Settings
    ) -> tuple[dict[str, Provider], dict[str, tuple[Candidate, ...]]]:
        """Return further providers, and each path's chain."""
        providers: dict[str, Provider] = {}
        chains: dict[str, tuple[Candidate, ...]] = {}
        names: dict[int, str] = {}
        probes = Probes()
        self._refuse_unknown_seats(ensemble)
        for member in ensemble.members:
            model = self._model_of(member)
            plan = self._plan(replace(ensemble, members=(member,)), "")
            named = _chain_in(model)
            if member.agent.is_person or named is not None:
                chains |= await resolve_chains(replace(plan, chain=named or ()), settings, probes)
                continue
            if id(model) not in names:
                told, provider = _brought(model)
                # Two models of one class are two witnesses, and not one in place of the other.
                same = sum(known.partition("#")[0] == told for known in names.values())
                names[id(model)] = f"{told}#{same + 1}" if same else told
                providers[names[id(model)]] = provider
            name = names[id(model)]
            chains[member.path] = (
                Candidate(name, name, name, available=True, reason="given by the caller"),
            )
        return providers, chains

    def _refuse_unknown_seats(self, ensemble: Ensemble) -> None:
        if not isinstance(self.models, Mapping):
            return
        known = {name for member in ensemble.members for name in (member.seat, member.path)}
        for name in cast("Mapping[str, Any]", self.models):
            if name not in known:
                raise UsageError(
                    f"there is no seat {name!r}", where="models", fix=closest(name, known)
                )

    def _model_of(self, member: Member) -> Any:
        if isinstance(self.models, Mapping):
            given = cast("Mapping[str, Any]", self.models)
            return given.get(member.path, given.get(member.seat))
        return self.models


def refuse_in_loop(where: str, *, fix: str) -> None:
    """Refuse what would block an event loop.

    Raises:
        UsageError: one is running already.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError("an event loop is running already", where=where, fix=fix)


def _chain_in(model: Any) -> tuple[str, ...] | None:
    """Return the names that a model's place holds; None where it holds a model itself."""
    if model is None or isinstance(model, str):
        return (model,) if model else ()
    if isinstance(model, Sequence):
        names = tuple(cast("Sequence[Any]", model))
        if names and all(isinstance(name, str) for name in names):
            return names
    return None


def _brought(model: Any) -> tuple[str, Provider]:
    """Return a name and a provider for a model that the caller brings."""
    from langchain_core.runnables import Runnable

    if isinstance(model, Runnable):
        from ensemble.models.langchain_chat import langchain_chat

        given = cast("Any", model)
        told = getattr(given, "model_name", None) or getattr(given, "model", None)
        return f"langchain-{told or type(given).__name__}", langchain_chat(given)
    if callable(model):
        return getattr(model, "__name__", type(model).__name__), cast("Provider", model)
    raise UsageError(
        f"a {type(model).__name__} is no model",
        where="models",
        fix="give a model's name, or several, a LangChain chat model or Runnable, or an async "
        "provider",
    )
