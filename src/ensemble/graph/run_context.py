"""What a node needs of the run it takes part in: journal, models, lab, limits, seed.

It reaches nodes through LangGraph's runtime context, so that one compiled graph serves any
number of runs at once.
"""

import hashlib
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ensemble.agents.prompt import Briefing
from ensemble.answers.answer import Wanted
from ensemble.answers.schema import answer_schema, schema_text
from ensemble.errors import Paused
from ensemble.graph.budget import Budget, Limits
from ensemble.graph.lab_desk import LabDesk
from ensemble.graph.person import AskPerson, Question, nobody
from ensemble.graph.spending import Spending, reservation
from ensemble.journal.digest import is_lost, whole
from ensemble.journal.record import ANSWERED
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Admit, Answered, Policy, ask, fitted
from ensemble.models.cost import prices
from ensemble.models.provider import Candidate, ModelCall, Params, Provider

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from ensemble.models.replies import Remembering


@dataclass
class RunContext:
    """One run, as its nodes see it."""

    journal: Journal
    briefing: Briefing
    chains: Mapping[str, tuple[Candidate, ...]]
    """Seat path to its resolved chain, in which nobody can be asked whom the limits forbid."""
    providers: Mapping[str, Provider]
    lab: LabDesk
    limits: Limits = field(default_factory=Limits)
    params: Params = field(default_factory=Params)
    policy: Policy = field(default_factory=Policy)
    seed: int = 7
    said: Callable[[str, str], None] | None = None
    """Told the call's key and each piece of text as it arrives, for the display only."""
    remembering: "Remembering | None" = None
    """Answers model calls from kept replies where there are any; None asks every model."""
    person: AskPerson = nobody
    """Who answers where a person has to."""
    resumable: bool = True
    """Whether `ensemble resume` can go on with the run."""
    until_decided: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What an invocation that brought no context keeps open until its decision."""
    paused: list[Paused] = field(default_factory=list[Paused])
    """Seats that wait for a person; while there is one, no further turn begins."""
    _budget: Budget | None = None

    async def ask(
        self,
        path: str,
        key: str,
        messages: Sequence["BaseMessage"],
        wanted: Wanted,
        passed: int = 0,
        *,
        shared: int = 0,
        gives_way: Sequence[tuple[str, str]] = (),
        **about: Any,
    ) -> Answered:
        """Ask the chain of the seat at `path`.

        Args:
            path: the seat's path.
            key: the call's key in the journal.
            messages: what is said.
            wanted: what the answer must hold.
            passed: how many of the chain's first candidates are not asked.
            shared: how many messages all seats share.
            gives_way: passages, and what stands for each where a prompt does not fit.
            about: agent and role, for the journal.

        Raises:
            ChainExhausted: no model of the chain answered.
            OverLimit: the call would cross a limit of the run.
            Paused: a person has to answer first.
        """

        def heard(text: str) -> None:
            if self.said is not None:
                self.said(key, text)

        def admit(candidate: Candidate, call: ModelCall, attempt: int) -> dict[str, Any]:
            needed = self._needed(candidate, call, wanted)
            if not self.journal.replaying and not _is_recorded(self.journal, key, attempt):
                self.budget.admit(key, needed)
            return {**about, "reserved": needed}

        call = ModelCall(
            key=key,
            messages=tuple(messages),
            schema=answer_schema(wanted, brief=False),
            brief_schema=answer_schema(wanted, brief=True),
            params=self.params,
            heard=heard if self.said is not None else None,
            shared=shared,
            gives_way=tuple(gives_way),
        )
        chain = self.chains[path][passed:]
        async with self._in_step(chain, call, wanted):
            return await self._walk(chain, call, admit)

    async def _walk(self, chain: Sequence[Candidate], call: ModelCall, admit: Admit) -> Answered:
        from ensemble.models.chat_model import ChainChatModel, is_heard

        providers, policy = self.providers, self.policy
        recorder = self.remembering or self.journal
        if not is_heard():  # the wrapper costs as much as all the rest of a call
            return await ask(
                chain,
                call,
                recorder=recorder,
                providers=providers,
                policy=policy,
                admit=admit,
            )
        chat = ChainChatModel(
            chain=tuple(chain),
            recorder=recorder,
            providers=providers,
            policy=policy,
            admit=admit,
            cache=False,  # a cache of LangChain's would answer behind the journal's back
        )
        await chat.ainvoke(
            list(call.messages),
            key=call.key,
            schema=call.schema,
            brief_schema=call.brief_schema,
            params=call.params,
            heard=call.heard,
            shared=call.shared,
            gives_way=call.gives_way,
        )
        return cast("Answered", chat.answered)

    async def keep(self, key: str) -> None:
        """Keep the reply to a call, which proved to be of use, for later runs that may have it."""
        if self.remembering is not None:
            await self.remembering.keep(key)

    async def ask_person(self, question: Question) -> str:
        """Return what a person answers.

        Raises:
            Paused: there is no answer yet.
            UsageError: it is none of the choices.
        """

        async def perform() -> tuple[str, dict[str, Any]]:
            said: Any = self.person(question)
            text = await said if inspect.isawaitable(said) else said
            if text is None:
                raise question.pause(self.journal.run if self.resumable else None)
            question.accept(text)
            return "person_answered", {"value": text}

        event = await self.journal.effect("person", question.key, question.document(), perform)
        return str(event.value)

    def wait_for(self, pause: Paused) -> None:
        """Take down that a person has to answer before the run can go on."""
        self.paused.append(pause)
        if not any(e.event == "paused" and e.key == pause.where for e in self.journal.events):
            self.journal.note("paused", pause.where, value=pause.problem)

    def shuffled(self, items: Sequence[Any], key: str) -> list[Any]:
        """Return the items in an order drawn by the run's seed and `key`, the same every time."""

        def place(item: tuple[int, Any]) -> str:
            return hashlib.sha256(f"{self.seed}/{key}/{item[0]}".encode()).hexdigest()

        return [item for _, item in sorted(enumerate(items), key=place)]

    @asynccontextmanager
    async def _in_step(
        self, chain: Sequence[Candidate], call: ModelCall, wanted: Wanted
    ) -> AsyncGenerator[None]:
        """Hold what the call needs at worst; what the journal holds costs nothing."""
        if self.journal.replaying or _is_recorded(self.journal, call.key):
            yield
            return
        counts = self.limits.tokens is not None or self.limits.usd is not None
        asked = [candidate for candidate in chain if candidate.available and counts]
        needs = [self._needed(candidate, fitted(call, candidate), wanted) for candidate in asked]
        worst = {name: max((n[name] or 0 for n in needs), default=0) for name in ("tokens", "usd")}
        async with self.budget.reserved(call.key, worst):
            yield

    @property
    def budget(self) -> Budget:
        """What the run has left."""
        if self._budget is None:
            spending = Spending(prices(self.chains))
            self._budget = Budget(self.limits, self.journal.events, spending)
        return self._budget

    def _needed(self, candidate: Candidate, call: ModelCall, wanted: Wanted) -> dict[str, Any]:
        schema = schema_text(wanted, brief=candidate.brief) if call.schema else ""
        return reservation(candidate, call, schema)


def _is_recorded(journal: Journal, key: str, attempt: int | None = None) -> bool:
    """Return whether the journal holds how an attempt ended; without one, the call's answer."""
    return any(
        e.event in ANSWERED["model"]
        and e.key == key
        and (e.event == "model_replied" if attempt is None else whole(e.attempt) == attempt)
        and not is_lost(e)
        for e in journal.recorded
    )
