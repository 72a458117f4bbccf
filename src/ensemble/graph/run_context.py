"""What a node needs of the run it takes part in: journal, models, lab, limits, seed.

It reaches nodes through LangGraph's runtime context, so that one compiled graph serves any
number of runs at once.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ensemble.agents.prompt import Briefing
from ensemble.answers.answer import Wanted
from ensemble.answers.schema import answer_schema
from ensemble.errors import OverLimit, Paused
from ensemble.graph.lab_desk import LabDesk
from ensemble.graph.person import AskPerson, Question, nobody
from ensemble.journal.digest import is_lost, whole
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, Policy
from ensemble.models.cost import Price, cost_usd, prices, text_tokens
from ensemble.models.provider import Candidate, ModelCall, Params, Provider

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_ENDED = ("model_replied", "model_failed")


@dataclass(frozen=True)
class Limits:
    """What a run may use; None is no limit."""

    wall_s: float | None = 1800
    usd: float | None = None
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

    async def ask(
        self, path: str, key: str, messages: Sequence["BaseMessage"], wanted: Wanted, **about: Any
    ) -> Answered:
        """Ask the chain of the seat at `path`.

        Raises:
            ChainExhausted: no model of the chain answered.
            OverLimit: the call would cross a limit of the run.
            Paused: a person has to answer first.
        """
        from ensemble.models.chat_model import ChainChatModel

        def heard(text: str) -> None:
            if self.said is not None:
                self.said(key, text)

        chat = ChainChatModel(
            chain=self.chains[path],
            recorder=self.journal,
            providers=self.providers,
            policy=self.policy,
            admit=lambda candidate, asked, attempt: {
                **about,
                "reserved": self._reserved(candidate, asked, attempt),
            },
            cache=False,  # a cache of LangChain's would answer behind the journal's back
        )
        await chat.ainvoke(
            list(messages),
            key=key,
            schema=answer_schema(wanted, brief=False),
            brief_schema=answer_schema(wanted, brief=True),
            params=self.params,
            heard=heard if self.said is not None else None,
        )
        return cast("Answered", chat.answered)

    async def ask_person(self, question: Question) -> str:
        """Return what a person answers.

        Raises:
            Paused: there is no answer yet.
        """

        async def perform() -> tuple[str, dict[str, Any]]:
            text = await self.person(question)
            if text is None:
                raise question.pause(self.journal.run)
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

    def _reserved(self, candidate: Candidate, call: ModelCall, attempt: int) -> dict[str, Any]:
        """Return the call's reservation, or refuse it; what the journal holds costs nothing."""
        reserved = reservation(candidate, call)
        if self.journal.replaying or _is_recorded(self.journal, call.key, attempt):
            return reserved
        used = usage_of(self.journal, reserved, prices(self.chains))
        for name, value in used.items():
            most = getattr(self.limits, name)
            if most is not None and value > most:
                raise OverLimit(
                    f"this call would bring {name} to {round(value, 4)}, the limit is {most}",
                    where=call.key,
                    fix=f"raise `limits.{name}` in the scenario, or seat fewer members",
                )
        return reserved


def reservation(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    """Return the most that one call is expected to use: tokens, and money where priced."""
    text = "".join(str(message.content) for message in call.messages)
    sent = text_tokens(text + (json.dumps(call.schema) if call.schema else ""))
    usd = cost_usd(candidate.usd_per_mtok, sent, call.params.max_tokens)
    return {"tokens": sent + call.params.max_tokens, "usd": usd}


def usage_of(
    journal: Journal,
    reserved: Mapping[str, Any],
    price_of: Mapping[str, Price] | None = None,
) -> dict[str, float]:
    """Return what the run has used by its limits' names, with one more call as reserved.

    Args:
        journal: the run's events.
        reserved: what the further call is expected to use at most.
        price_of: `provider/model` to the price of a million input and output tokens.

    A call that is under way, or was lost with its process, is booked at its reservation.
    """
    asked = {(e.key, e.attempt): e for e in journal.events if e.event == "model_asked"}
    ended = {(e.key, e.attempt): e for e in journal.events if e.event in _ENDED and not is_lost(e)}
    tokens, usd = float(reserved["tokens"]), float(reserved["usd"] or 0)
    for place, call in asked.items():
        held: Mapping[str, Any] = call.body.get("reserved") or {}
        usage: Mapping[str, Any] = {}
        if place in ended:
            usage = ended[place].body.get("usage") or {}
        else:
            tokens += float(held.get("tokens") or 0)
        told = (usage.get("input_tokens"), usage.get("output_tokens"))
        tokens += sum(number for number in told if number)
        price = (price_of or {}).get(str(call.body.get("request", {}).get("model")))
        if price and told[1] is not None:
            usd += cost_usd(price, told[0] or 0, told[1]) or 0.0
        elif place not in ended or ended[place].event == "model_replied":
            usd += float(held.get("usd") or 0)
    return {"model_calls": len(asked) + 1, "tokens": tokens, "usd": usd}


def _is_recorded(journal: Journal, key: str, attempt: int) -> bool:
    return any(
        e.event in _ENDED and e.key == key and whole(e.attempt) == attempt and not is_lost(e)
        for e in journal.recorded
    )
