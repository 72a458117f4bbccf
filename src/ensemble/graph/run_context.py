"""What a node needs of the run it takes part in: journal, models, lab, limits, seed.

It reaches nodes through LangGraph's runtime context, so that one compiled graph serves any
number of runs at once.
"""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from ensemble.agents.prompt import Briefing
from ensemble.answers.answer import Wanted
from ensemble.answers.schema import answer_schema, schema_text
from ensemble.errors import OverLimit, Paused
from ensemble.graph.lab_desk import LabDesk
from ensemble.graph.person import AskPerson, Question, nobody
from ensemble.graph.spending import Spending, reservation
from ensemble.journal.digest import is_lost, whole
from ensemble.journal.record import ANSWERED
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, Policy, ask
from ensemble.models.cost import prices
from ensemble.models.provider import Candidate, ModelCall, Params, Provider

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


_UNPRICED: Final = "its price is not known and `limits.usd` is set; `limits.unpriced: allow` asks"


@dataclass(frozen=True)
class Limits:
    """What a run may use; None is no limit."""

    wall_s: float | None = 1800
    usd: float | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"
    """Whether a model without a known price is asked although money is limited."""
    tokens: int | None = None
    model_calls: int | None = 200
    lab_s: float | None = None
    turn_s: float | None = None
    """Seconds that the model calls of one turn may take; a turn that takes longer is lost."""


@dataclass
class RunContext:
    """One run, as its nodes see it."""

    journal: Journal
    briefing: Briefing
    chains: Mapping[str, tuple[Candidate, ...]]
    """Seat path to its resolved chain."""
    providers: Mapping[str, Provider]
    lab: LabDesk
    limits: Limits = Limits()
    params: Params = field(default_factory=Params)
    policy: Policy = field(default_factory=Policy)
    seed: int = 7
    said: Callable[[str, str], None] | None = None
    """Told the call's key and each piece of text as it arrives, for the display only."""
    person: AskPerson = nobody
    """Who answers where a person has to."""
    until_decided: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What an invocation that brought no context keeps open until its decision."""
    paused: list[Paused] = field(default_factory=list[Paused])
    """Seats that wait for a person; while there is one, no further turn begins."""
    _spending: Spending | None = None

    async def ask(
        self,
        path: str,
        key: str,
        messages: Sequence["BaseMessage"],
        wanted: Wanted,
        passed: int = 0,
        **about: Any,
    ) -> Answered:
        """Ask the chain of the seat at `path`, without the first `passed` of its candidates.

        Raises:
            ChainExhausted: no model of the chain answered.
            OverLimit: the call would cross a limit of the run.
            Paused: a person has to answer first.
        """
        from ensemble.models.chat_model import ChainChatModel, is_heard

        def heard(text: str) -> None:
            if self.said is not None:
                self.said(key, text)

        def admit(candidate: Candidate, call: ModelCall, attempt: int) -> dict[str, Any]:
            schema = schema_text(wanted, brief=candidate.brief) if call.schema else ""
            return {**about, "reserved": self._reserved(candidate, call, attempt, schema)}

        call = ModelCall(
            key=key,
            messages=tuple(messages),
            schema=answer_schema(wanted, brief=False),
            brief_schema=answer_schema(wanted, brief=True),
            params=self.params,
            heard=heard if self.said is not None else None,
        )
        chain, providers, policy = self.chain_of(path)[passed:], self.providers, self.policy
        if not is_heard():  # the wrapper costs as much as all the rest of a call
            return await ask(
                chain,
                call,
                recorder=self.journal,
                providers=providers,
                policy=policy,
                admit=admit,
            )
        chat = ChainChatModel(
            chain=chain,
            recorder=self.journal,
            providers=providers,
            policy=policy,
            admit=admit,
            cache=False,  # a cache of LangChain's would answer behind the journal's back
        )
        await chat.ainvoke(
            list(messages),
            key=key,
            schema=call.schema,
            brief_schema=call.brief_schema,
            params=call.params,
            heard=call.heard,
        )
        return cast("Answered", chat.answered)

    def chain_of(self, path: str) -> tuple[Candidate, ...]:
        """Return the seat's chain; under a money limit, whom nobody can price is not asked."""
        chain = self.chains[path]
        if self.limits.usd is None or self.limits.unpriced == "allow":
            return chain
        return tuple(
            replace(candidate, available=False, reason=_UNPRICED)
            if candidate.available and candidate.usd_per_mtok is None
            else candidate
            for candidate in chain
        )

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
                raise question.pause(self.journal.run)
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

    def _reserved(
        self, candidate: Candidate, call: ModelCall, attempt: int, schema: str
    ) -> dict[str, Any]:
        """Return the call's reservation, or refuse it; what the journal holds costs nothing."""
        reserved = reservation(candidate, call, schema)
        if self.journal.replaying or _is_recorded(self.journal, call.key, attempt):
            return reserved
        if self._spending is None:
            self._spending = Spending(prices(self.chains))
        used = self._spending.with_one_more(self.journal.events, reserved)
        for name, value in used.items():
            most = getattr(self.limits, name)
            if most is not None and value > most:
                raise OverLimit(
                    f"this call would bring {name} to {round(value, 4)}, the limit is {most}",
                    where=call.key,
                    fix=f"raise `limits.{name}` in the scenario, or seat fewer members",
                )
        return reserved


def _is_recorded(journal: Journal, key: str, attempt: int) -> bool:
    return any(
        e.event in ANSWERED["model"]
        and e.key == key
        and whole(e.attempt) == attempt
        and not is_lost(e)
        for e in journal.recorded
    )
